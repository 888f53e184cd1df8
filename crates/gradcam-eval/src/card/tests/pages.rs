//! Tests of a card's pages, and of their display in a browser.
use std::fs;
use std::process::Command;

use super::super::{Card, Efficiency, Section, Sections, render_html, render_markdown};
use super::example::{example, picture};

#[test]
fn the_same_card_gives_the_same_pages() {
    let card = example();
    let again = Card::from_json(&card.to_json().unwrap()).unwrap();
    assert_eq!(
        render_html(&card, picture).unwrap(),
        render_html(&again, picture).unwrap()
    );
    assert_eq!(
        render_markdown(&card).unwrap(),
        render_markdown(&again).unwrap()
    );
    let mut other = card.clone();
    other.model.name = "VGG-16".to_string();
    assert!(
        render_html(&other, picture)
            .unwrap()
            .contains("<h1>Grad-CAM on VGG-16</h1>")
    );
    // A card by an earlier rule keeps it, and its pages describe that rule.
    let corrected = "corrected for all tests of the card";
    other.rule_id = "measured-card/1".to_string();
    for (card, rule) in [(&other, "measured-card/1"), (&card, "measured-card/2")] {
        for text in [
            render_html(card, picture).unwrap().replace("&#x2f;", "/"),
            render_markdown(card).unwrap(),
        ] {
            assert!(text.contains(rule));
            assert_eq!(text.contains(corrected), rule == "measured-card/2");
        }
    }
    other.rule_id = "mine".to_string();
    assert!(render_html(&other, picture).is_err() && render_markdown(&other).is_err());
}

#[test]
fn everything_of_the_card_is_on_both_pages() {
    let card = example();
    let (html, markdown) = (
        render_html(&card, picture).unwrap(),
        render_markdown(&card).unwrap(),
    );
    let tests = card
        .tests()
        .map(|test| (test.id.clone(), test.title.clone()));
    let entries = &card.published_card.as_ref().unwrap().entries;
    let entries = entries
        .iter()
        .map(|entry| (entry.test_id.clone(), entry.title.clone()));
    let data = card
        .data
        .iter()
        .map(|data| (data.id.clone(), data.loader.clone()));
    for (id, title) in tests.chain(entries).chain(data) {
        assert!(html.contains(&id) && markdown.contains(&id), "{id}");
        assert!(
            html.contains(&title) && markdown.contains(&title),
            "{title}"
        );
    }
    for test in card.tests() {
        assert!(
            html.contains(&format!("id=\"test-{}\"", test.id)),
            "{}",
            test.id
        );
    }
    for text in [&html, &markdown] {
        for word in [
            "pass",
            "inconclusive",
            "fail",
            "info",
            "not run",
            "not applicable",
            "0.123 (0.118 to 0.129)",
            "&lt; 0.001",
        ] {
            assert!(text.contains(word), "{word}");
        }
        let plain = text.replace("<strong>", "").replace("</strong>", "");
        assert!(plain.contains("none: not finite"));
    }
    assert!(
        markdown.contains("5 pass, 3 inconclusive, 2 fail, 1 info, 3 not run, 1 not applicable."),
        "{markdown}"
    );
    assert!(
        markdown.contains("Beside the published card: 5 agree, 3 disagree, 3 not comparable."),
        "{markdown}"
    );
}

#[test]
fn the_html_loads_nothing_and_escapes_everything() {
    let mut card = example();
    card.limitations
        .push("<script>alert(1)</script> | & \"".to_string());
    let html = render_html(&card, picture).unwrap();
    for load in [
        "<script", "<link", "<iframe", "@import", "url(", "src=\"h", "srcset", "http://", "http:&",
    ] {
        assert!(!html.contains(load), "{load}");
    }
    assert_eq!(
        html.matches("https:").count(),
        html.matches("<a href=\"https:").count()
    );
    // The pictures are embedded, with their texts.
    assert_eq!(html.matches("<img src=\"data:image/png;base64,").count(), 5);
    assert_eq!(
        html.matches("<img").count(),
        html.matches(" alt=\"Grad-CAM for").count()
    );
    assert!(html.contains("boxer &lt;dog&gt; &amp; a cat.png"));
    assert_eq!(
        html.matches("<table").count(),
        html.matches("<caption>").count()
    );
    let bare = render_html(&card, |_| None).unwrap();
    assert!(!bare.contains("<img") && bare.contains("href=\"sweep&#x2f;layer2%20bilinear.png\""));
    let markdown = render_markdown(&card).unwrap();
    assert!(markdown.contains("- &lt;script>alert(1)&lt;/script> \\| &amp; \""));
}

/// Every row of a Markdown table has as many cells as its header.
#[test]
fn markdown_tables_are_whole() {
    let markdown = render_markdown(&example()).unwrap();
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let (mut tables, mut width) = (0, None);
    for line in markdown.lines() {
        match (line.starts_with('|'), width) {
            (true, None) => (tables, width) = (tables + 1, Some(cells(line))),
            (true, Some(width)) => assert_eq!(cells(line), width, "{line}"),
            (false, _) => width = None,
        }
    }
    assert!(tables >= 14, "{tables}");
    assert!(
        !markdown.contains("\n\n\n\n") && !markdown.contains("|\n#"),
        "{markdown}"
    );
}

/// In a browser, if `GRADCAM_CHROMIUM` names one: no page is wider than its window, and the browser logs no error.
#[test]
fn a_browser_shows_the_page_without_overflow() {
    let Some(browser) = std::env::var_os("GRADCAM_CHROMIUM") else {
        return skipped();
    };
    let html = render_html(&example(), picture).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for width in [390, 1280] {
        for open in ["", " open"] {
            // The page is shown in a frame, because a window has a minimum width.
            let page = html.replace(
                "<details class=\"test\"",
                &format!("<details class=\"test\"{open}"),
            );
            let page = page.replace('&', "&amp;").replace('"', "&quot;");
            let outer = format!(
                "<!DOCTYPE html><html><body style=\"margin:0\"><iframe id=f width={width} height=900 style=\"border:0\" srcdoc=\"{page}\"></iframe>\
                 <p id=found></p><script>onload = () => {{ const e = document.getElementById('f').contentDocument.documentElement; \
                 document.getElementById('found').textContent = 'width ' + e.scrollWidth + ' of ' + e.clientWidth; }}</script></body></html>"
            );
            let file = folder.path().join(format!("{width}{}.html", open.trim()));
            fs::write(&file, outer).unwrap();
            let output = Command::new(&browser)
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    "--enable-logging=stderr",
                ])
                .args([
                    "--window-size=1400,1000",
                    "--virtual-time-budget=4000",
                    "--dump-dom",
                ])
                .arg(format!("file://{}", file.display()))
                .output()
                .unwrap();
            let (dom, log) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            let expected = format!("width {width} of {width}");
            assert!(
                dom.contains(&expected),
                "{width}{open}: {:?}",
                dom.rsplit_once("found").map(|(_, tail)| tail)
            );
            assert!(!log.contains("CONSOLE"), "{log}");
        }
    }
}

#[allow(clippy::print_stderr)]
fn skipped() {
    eprintln!("skipped: GRADCAM_CHROMIUM does not name a browser");
}

/// A card with as little on it as possible.
#[test]
fn a_bare_card_has_pages() {
    let mut card = example();
    card.published_card = None;
    card.errata.clear();
    card.limitations.clear();
    card.artifacts.clear();
    card.data.clear();
    card.model.accuracy = None;
    card.model.cam_layer_shape = None;
    card.method.layer = None;
    card.method.weights = None;
    card.methodology.agnosticism.gradient_check = None;
    card.methodology.agnosticism.operations.clear();
    card.methodology.hyperparameters.sweep.clear();
    card.methodology.efficiency = Efficiency {
        reason: Some("times differ from run to run".to_string()),
        ..Efficiency::default()
    };
    let reasons = Section::ALL.map(|section| (section, format!("nothing for {}", section.key())));
    card.sections = Sections {
        without_tests: reasons.clone().into(),
        ..Sections::default()
    };
    let html = render_html(&card, picture).unwrap();
    let markdown = render_markdown(&card).unwrap();
    for text in [&html, &markdown] {
        assert!(reasons.iter().all(|(_, reason)| text.contains(reason)));
        assert!(text.contains("times differ from run to run"));
        assert!(!text.contains("Pictures") && !text.contains("The published card"));
    }
}
