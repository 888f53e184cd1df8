//! Formats numbers for people.

/// Formats a number with about four significant digits; `none` for no number.
pub(super) fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "none".to_string();
    };
    match value.abs() {
        0.0 => "0".to_string(),
        size if !(0.001..1e6).contains(&size) => format!("{value:.1e}"),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.2}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => grouped(value),
    }
}

/// Formats a value with its interval.
pub(super) fn with_interval(value: Option<f64>, ends: Option<[f64; 2]>) -> String {
    match (value, ends) {
        (Some(_), Some([low, high])) => {
            format!(
                "{} ({} to {})",
                number(value),
                number(Some(low)),
                number(Some(high))
            )
        }
        _ => number(value),
    }
}

/// Formats a p-value.
pub(super) fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_string()
    } else {
        format!("{p:.3}")
    }
}

/// Formats a share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Rounds to a whole number, with a comma after every three digits.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// Returns the web address of `arXiv:…` and `doi:…`.
pub(super) fn address(source: &str) -> Option<String> {
    let arxiv = source
        .strip_prefix("arXiv:")
        .map(|id| ("https://arxiv.org/abs/", id));
    let (before, id) = arxiv.or_else(|| {
        source
            .strip_prefix("doi:")
            .map(|id| ("https://doi.org/", id))
    })?;
    // Text after the number, such as `, figure 2`, is not part of it.
    let id = id.split([',', ' ']).next().filter(|id| !id.is_empty())?;
    Some(format!("{before}{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0"),
            (0.12345, "0.123"),
            (-0.9996, "-1.000"),
            (5.28, "5.280"),
            (49.0, "49.00"),
            (224.06, "224.1"),
            (25_557_032.0, "2.6e7"),
            (-1234.4, "-1,234"),
            (0.00042, "4.2e-4"),
        ] {
            assert_eq!(number(Some(value)), expected);
        }
        assert_eq!(number(None), "none");
        assert_eq!(
            with_interval(Some(0.5), Some([0.25, 0.75])),
            "0.500 (0.250 to 0.750)"
        );
        assert_eq!(with_interval(None, Some([0.25, 0.75])), "none");
        assert_eq!(grouped(25_557_032.0), "25,557,032");
        assert_eq!(probability(0.0004), "< 0.001");
    }

    #[test]
    fn sources_have_addresses() {
        assert_eq!(
            address("arXiv:1806.07421, figure 2").as_deref(),
            Some("https://arxiv.org/abs/1806.07421")
        );
        assert_eq!(
            address("doi:10.1148/ryai.2021200267").as_deref(),
            Some("https://doi.org/10.1148/ryai.2021200267")
        );
        assert_eq!(address("a talk"), None);
        assert_eq!(address("doi:"), None);
    }
}
