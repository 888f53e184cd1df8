//! Arguments whose values are known by name.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};
use gradcam::{Interpolation, Method};
use gradcam_eval::Metric;
use gradcam_eval::evaluate::Null;
use gradcam_viz::{ColorMap, View};

use crate::escape;

/// A parser of one of some names, which completion offers. What is said about another name is `parse`'s own.
#[derive(Clone)]
pub(crate) struct Known<T> {
    names: Vec<&'static str>,
    parse: fn(&str) -> Result<T, String>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Known<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        self.parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(PossibleValue::new)))
    }
}

/// `T`'s names, and `T` of one of them.
fn typed<T>(names: Vec<&'static str>) -> Known<T>
where
    T: FromStr<Err: ToString>,
{
    Known {
        names,
        parse: |text| {
            let said = |error: T::Err| escape::line(&error.to_string()).into_owned();
            text.parse().map_err(said)
        },
    }
}

/// Names that are looked up where more is known of them: together with options, or beside `all`.
fn untyped(names: Vec<&'static str>) -> Known<String> {
    Known {
        names,
        parse: |text| Ok(text.to_string()),
    }
}

pub(crate) fn view() -> Known<View> {
    typed(View::ALL.map(View::name).to_vec())
}

pub(crate) fn colormap() -> Known<ColorMap> {
    typed(ColorMap::ALL.map(ColorMap::name).to_vec())
}

pub(crate) fn interpolation() -> Known<Interpolation> {
    typed(Interpolation::ALL.map(Interpolation::name).to_vec())
}

pub(crate) fn null() -> Known<Null> {
    typed(Null::ALL.iter().map(|null| null.name()).collect())
}

pub(crate) fn method() -> Known<String> {
    untyped(Method::all().iter().map(Method::name).collect())
}

pub(crate) fn methods() -> Known<String> {
    untyped(with_all(method().names))
}

pub(crate) fn metrics() -> Known<String> {
    untyped(with_all(Metric::ALL.iter().map(|m| m.name()).collect()))
}

pub(crate) fn generator() -> Known<String> {
    let known = gradcam_data::Generator::defaults();
    untyped(known.iter().map(|generator| generator.name()).collect())
}

/// The names, and the one that stands for every one of them.
fn with_all(mut names: Vec<&'static str>) -> Vec<&'static str> {
    names.push("all");
    names
}
