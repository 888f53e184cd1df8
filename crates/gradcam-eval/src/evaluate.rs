//! Methods measured on the images of a data set, one record an image.
//!
//! A study says what is measured: methods, the [`Null`] maps that they have to beat, and metrics. [`measure`] looks at one image and gives an
//! [`ImageRecord`]; a [`Journal`] keeps the records in a file, so that a run can be taken up again, split over machines and merged; a
//! [`Summary`] makes means, intervals, tests and ranks of them. It is always made from records as they are read back, so that one run, a
//! run that was taken up, and merged parts give the same bytes.
//!
//! **Which null.** Each method is held against maps that know nothing and are like its own: of its resolution, or made from its map. Its
//! numbers do not depend on the methods beside it; ranks, and Holm's correction over the methods and nulls of a metric, do.
//!
//! **Which class.** Metrics that ask the network follow their protocols and explain the class that it sees in the image; those that look at a
//! mask explain the class that the mask is of.

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
