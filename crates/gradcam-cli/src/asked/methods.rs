//! Turns `--method` and `--methods` into methods.

use anyhow::{Result, anyhow, bail};
use gradcam::{Method, Saliency};

/// Returns the names of several methods, each once; `all` stands for every method.
pub(crate) fn names(asked: &[String]) -> Result<Vec<String>> {
    let names: Vec<String> = match asked {
        [all] if all == "all" => Method::all().iter().map(ToString::to_string).collect(),
        names => names.iter().map(|name| name.trim().to_string()).collect(),
    };
    match (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        Some(i) => bail!("the method `{}` is given twice", names[i]),
        None => Ok(names),
    }
}

/// Makes the method with its options.
pub(crate) fn method(name: &str, options: &[(String, String)]) -> Result<Method> {
    let hint = |error: &dyn std::fmt::Display| {
        anyhow!("{error}\n\nhint: `gradcam methods` lists them with their options")
    };
    let method = Method::with_options(name, options).map_err(|error| hint(&error))?;
    Saliency::check(&method).map_err(|error| hint(&error))?;
    Ok(method)
}
