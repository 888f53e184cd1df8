//! Parsers of arguments with named values, which appear in the help and in shell completions.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command, Error};
use gradcam::{Fusion, Interpolation, Method};
use gradcam_eval::evaluate::Null;
use gradcam_eval::{Metric, Need};
use gradcam_models::preprocess::Fit;
use gradcam_viz::{ColorMap, View};

use super::precision::Precision;
use crate::escape;

pub(super) fn fit() -> impl TypedValueParser<Value = Fit> {
    listed(&Fit::ALL, Fit::name, |fit| match fit {
        Fit::Crop => "Resize the shorter side and crop the centre, as in the network's evaluation",
        Fit::Squash => "Resize both sides, whatever their ratio, so that the whole picture is seen",
        Fit::None => "Leave the picture as it is",
    })
}

pub(super) fn precision() -> impl TypedValueParser<Value = Precision> {
    listed(
        &Precision::ALL,
        Precision::name,
        |precision| match precision {
            Precision::F32 => "24 significant bits",
            Precision::Tf32 => "11 significant bits for the convolutions' factors, 24 for sums",
            Precision::F16 => "11 significant bits, up to 65,504; 24 for sums",
            Precision::Bf16 => {
                "8 significant bits, 24 for sums; on a CPU only for the convolutions' factors"
            }
        },
    )
}

pub(super) fn fusion() -> impl TypedValueParser<Value = Fusion> {
    listed(Fusion::ALL, Fusion::name, Fusion::description)
}

pub(super) fn view() -> Known<View> {
    typed(View::ALL.iter().map(|view| view.name()))
}

pub(super) fn colormap() -> Known<ColorMap> {
    typed(ColorMap::ALL.iter().map(|colors| colors.name()))
}

pub(super) fn interpolation() -> Known<Interpolation> {
    typed(Interpolation::ALL.iter().map(|kind| kind.name()))
}

pub(super) fn null() -> Known<Null> {
    typed(Null::ALL.iter().map(|null| null.name()))
}

pub(super) fn method() -> Known<String> {
    untyped(Method::all().iter().map(Method::name))
}

pub(super) fn methods() -> Known<String> {
    untyped(Method::all().iter().map(Method::name).chain([ALL]))
}

/// Lists the metrics of one map; `gradcam evaluate` says why it refuses those of two.
pub(super) fn metrics() -> Known<String> {
    let alone = |metric: &&Metric| !metric.about().needs.contains(&Need::OtherMap);
    let names = Metric::ALL.iter().filter(alone).map(|metric| metric.name());
    untyped(names.chain([ALL]))
}

pub(super) fn generator() -> Known<String> {
    let known = gradcam_data::Generator::defaults();
    untyped(known.iter().map(|generator| generator.name()))
}

/// The name that stands for all others.
const ALL: &str = "all";

/// Parses one of several names; `parse` words the error for any other.
#[derive(Clone)]
pub(super) struct Known<T> {
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

/// Parses a `T` from one of its names.
fn typed<T>(names: impl IntoIterator<Item = &'static str>) -> Known<T>
where
    T: FromStr<Err: ToString>,
{
    Known {
        names: names.into_iter().collect(),
        parse: |text| {
            let said = |error: T::Err| escape::line(&error.to_string()).into_owned();
            text.parse().map_err(said)
        },
    }
}

/// Accepts any text: the names are looked up later, together with options or `all`.
fn untyped(names: impl IntoIterator<Item = &'static str>) -> Known<String> {
    Known {
        names: names.into_iter().collect(),
        parse: |text| Ok(text.to_string()),
    }
}

/// Parses a value from its name; the help has a sentence on each.
fn listed<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    help: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = all
        .iter()
        .map(|value| PossibleValue::new(name(*value)).help(help(*value)));
    PossibleValuesParser::new(names).try_map(move |text| {
        let mut all = all.iter().copied();
        all.find(|value| name(*value) == text).ok_or("unknown")
    })
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use crate::args::Cli;

    /// Adds the arguments of `command` and its subcommands whose help lacks one of their values.
    fn add_silent(command: &Command, found: &mut Vec<String>) {
        for arg in command.get_arguments() {
            let help = arg.get_long_help().or(arg.get_help());
            let help = help.map_or(String::new(), ToString::to_string);
            let mut values = arg.get_possible_values().into_iter();
            if arg.is_hide_possible_values_set() && !values.all(|v| help.contains(v.get_name())) {
                found.push(format!("{} {}", command.get_name(), arg.get_id()));
            }
        }
        for below in command.get_subcommands() {
            add_silent(below, found);
        }
    }

    /// For the other arguments, clap lists the values itself.
    #[test]
    fn a_sentence_that_lists_values_has_them_all() {
        let mut silent = Vec::new();
        add_silent(&Cli::command(), &mut silent);
        assert_eq!(silent, [""; 0]);
    }
}
