//! Methods and their options by name.

use std::fmt;
use std::str::FromStr;

use gradcam_names::{hint, nearest};
use serde_json::{Map, Value};

use super::table::Method;

/// The reason why a method could not be made from names.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MethodError {
    /// No method has this name.
    #[error("unknown method `{name}`{}", hint(.nearest))]
    Unknown {
        /// The unknown name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// The method has no such option.
    #[error("the method `{method}` has no option `{option}`; {}", known_hint(.known))]
    Option {
        /// The method.
        method: String,
        /// The option.
        option: String,
        /// The options that it has.
        known: Vec<String>,
    },
    /// The option does not take this value.
    #[error("the option `{option}` of `{method}` cannot be `{value}`: {message}")]
    Value {
        /// The method.
        method: String,
        /// The option.
        option: String,
        /// The value given.
        value: String,
        /// What is wrong with it.
        message: String,
    },
}

fn known_hint(known: &[String]) -> String {
    match known {
        [] => "it has none".to_string(),
        names => format!("it has `{}`", names.join("`, `")),
    }
}

/// Describes the values of an option by the kind of its `default`; for a word, lists all choices.
fn expected(mut fields: Map<String, Value>, option: &str, default: &Value) -> String {
    match default {
        Value::Bool(_) => "expected `true` or `false`".to_string(),
        Value::Number(number) if number.is_u64() => "expected a whole number from 0".to_string(),
        Value::Number(_) => "expected a number".to_string(),
        _ => {
            // serde lists the words if it gets another one: "unknown variant ``, expected one of `a`, `b`".
            fields.insert(option.to_string(), Value::String(String::new()));
            let said = serde_json::from_value::<Method>(Value::Object(fields));
            let said = said.err().map(|error| error.to_string());
            let words = said.and_then(|said| Some(said.split_once("expected ")?.1.to_string()));
            format!("expected {}", words.as_deref().unwrap_or("another word"))
        }
    }
}

impl Method {
    /// Makes the method `name` with some of its options set from text, in the given order.
    ///
    /// # Errors
    /// For an unknown name or option, or a value that the option cannot take.
    ///
    /// ```
    /// use gradcam::Method;
    /// use gradcam::methods::Occlusion;
    ///
    /// let options = [("window".to_string(), "5".to_string())];
    /// let method = Method::with_options("occlusion", &options)?;
    /// assert!(matches!(method, Method::Occlusion(Occlusion { window: 5, .. })));
    /// assert_eq!("grad-cam++".parse::<Method>()?.name(), "grad-cam++");
    /// assert!(Method::with_options("grad-cam", &options).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_options(name: &str, options: &[(String, String)]) -> Result<Self, MethodError> {
        let mut method: Method = name.parse()?;
        for (option, text) in options {
            let fail = |message: String| MethodError::Value {
                method: name.to_string(),
                option: option.clone(),
                value: text.clone(),
                message,
            };
            let mut fields = method.options();
            let Some(slot) = fields.get_mut(option) else {
                return Err(MethodError::Option {
                    method: name.to_string(),
                    option: option.clone(),
                    known: fields.into_iter().map(|(name, _)| name).collect(),
                });
            };
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
            let default = std::mem::replace(slot, value);
            fields.insert("method".to_string(), Value::String(name.to_string()));
            method = match serde_json::from_value(Value::Object(fields.clone())) {
                Ok(method) => method,
                Err(_) => return Err(fail(expected(fields, option, &default))),
            };
        }
        Ok(method)
    }

    /// Returns the options and their values.
    pub fn options(&self) -> Map<String, Value> {
        let mut fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        fields.remove("method");
        fields
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(name: &str) -> Result<Self, MethodError> {
        let mut all = Method::all();
        match all.iter().position(|method| method.name() == name) {
            Some(index) => Ok(all.swap_remove(index)),
            None => Err(MethodError::Unknown {
                name: name.to_string(),
                nearest: nearest(name, all.iter().map(Method::name)),
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::methods::{EigenCam, Fem};

    #[test]
    fn names_parse_to_what_prints_them() {
        for method in Method::all() {
            assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
            let text = serde_json::to_string(&method).unwrap();
            assert_eq!(serde_json::from_str::<Method>(&text).unwrap(), method);
            assert!(text.contains(&format!("\"method\":\"{method}\"")), "{text}");
        }
    }

    fn set(name: &str, option: &str, value: &str) -> Result<Method, MethodError> {
        Method::with_options(name, &[(option.to_string(), value.to_string())])
    }

    #[test]
    fn options_are_set_by_name() {
        let fem = set("fem", "sigmas", "1.5").unwrap();
        assert_eq!(fem, Method::Fem(Fem { sigmas: 1.5 }));
        let eigen = set("eigen-cam", "centered", "true").unwrap();
        assert_eq!(eigen, Method::EigenCam(EigenCam { centered: true }));
    }

    #[test]
    fn json_may_leave_options_out_and_has_no_others() {
        let read = serde_json::from_str::<Method>;
        let fem: Method = "fem".parse().unwrap();
        assert_eq!(read(r#"{"method":"fem"}"#).unwrap(), fem);
        let error = read(r#"{"method":"fem","sigma":1}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `sigma`"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        let text = |result: Result<Method, MethodError>| result.unwrap_err().to_string();
        assert_eq!(
            text("gradcam".parse()),
            "unknown method `gradcam`; the nearest is `grad-cam`"
        );
        assert_eq!(
            text(set("fem", "k", "2")),
            "the method `fem` has no option `k`; it has `sigmas`"
        );
        assert_eq!(
            text(set("grad-cam", "method", "fem")),
            "the method `grad-cam` has no option `method`; it has none"
        );
        for (name, option, value, expected) in [
            ("fem", "sigmas", "many", "a number"),
            ("fem", "sigmas", "1e999", "a number"),
            ("rise", "masks", "-1", "a whole number from 0"),
            ("rise", "masks", "2.5", "a whole number from 0"),
            ("rise", "centered", "yes", "`true` or `false`"),
            (
                "gradient",
                "channels",
                "3",
                "one of `max-abs`, `sum`, `sum-abs`, `norm`",
            ),
            (
                "occlusion",
                "baseline",
                "grey",
                "one of `black`, `white`, `mean`, `blurred`, `uniform`, `custom`",
            ),
        ] {
            assert_eq!(
                text(set(name, option, value)),
                format!(
                    "the option `{option}` of `{name}` cannot be `{value}`: expected {expected}"
                )
            );
        }
    }
}
