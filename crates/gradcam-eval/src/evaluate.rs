//! Measures methods on the images of a data set, with one record per image.
//!
//! A study lists methods, the [`Null`] maps that they have to beat, and metrics. [`measure`] measures one image and returns an
//! [`ImageRecord`]. A [`Journal`] keeps the records in a file, so that a run can be resumed, split over machines and merged. A [`Summary`]
//! turns them into means, intervals, tests and ranks. It is always made from records read back from their file, so that one run, a resumed
//! run, and merged parts give the same bytes.
//!
//! **Which null.** Each method is compared with uninformed maps of its own kind: of its resolution, or made from its map. Its values do not
//! depend on the other methods. Ranks do, and so does Holm's correction over the methods and nulls of a metric.
//!
//! **Which class.** Metrics that run the network follow their protocols and explain the class that it predicts for the image. Metrics that
//! use a mask explain the mask's class.

mod journal;
mod look;
mod measure;
mod null;
mod record;
mod study;
mod summary;
#[cfg(test)]
mod tests;

pub use journal::{Journal, JournalError, merge, read};
pub use measure::measure;
pub use null::{Null, SHUFFLES, UnknownNull};
pub use record::{FORMAT, Header, ImageRecord, MapRecord, Outcome};
pub use study::{Item, Masks, Study};
pub use summary::{Against, MetricSummary, SourceSummary, Summary, summarise};
