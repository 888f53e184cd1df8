//! A `card.json`: read, checked, rendered and compared.
#![no_main]

use gradcam_eval::card::{Card, diff, render_html, render_markdown};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(card) = Card::from_json(text) {
        let _ = render_markdown(&card);
        let _ = render_html(&card, |_| None);
        assert!(diff(&card, &card).is_empty());
    }
});
