//! Corrects a card's grades for the number of its tests.

use super::{Card, Test};
use crate::Result;
use crate::statistics::{Grade, Graded, RULE, corrected, holm};

impl Card {
    /// Grades the card as a whole by [`RULE`]. The p-values are corrected for their number ([`holm`]). A pass against nulls becomes
    /// inconclusive if its corrected p-value does not support it ([`corrected`]). Tests that were not run do not count. The agreement with
    /// published grades must be set afterwards, because it depends on the resulting grades. A second call changes nothing.
    ///
    /// # Errors
    /// If a p-value is not in 0 to 1.
    pub fn correct(&mut self) -> Result<()> {
        let raw: Vec<f64> = self.tests().filter_map(counted).collect();
        let tests = raw.len();
        let mut adjusted = holm(&raw)?.into_iter();
        let methodology = &mut self.methodology;
        let first = std::iter::once(&mut methodology.determinism);
        let first = first.chain(&mut methodology.agnosticism.gradient_check);
        let sections = self.sections.all_mut();
        // In the order of `tests`.
        for test in first.chain(sections) {
            test.p_holm = counted(test).and_then(|_| adjusted.next());
            // An exact test has no null, so there is no chance to correct for.
            if test.nulls.is_empty() || test.grade != Grade::Pass {
                continue;
            }
            let graded = Graded {
                grade: test.grade,
                reason: std::mem::take(&mut test.grade_reason),
            };
            let graded = corrected(graded, test.p_holm, tests);
            (test.grade, test.grade_reason) = (graded.grade, graded.reason);
        }
        self.rule_id = RULE.to_string();
        Ok(())
    }
}

/// Returns the p-value of a test that was graded.
fn counted(test: &Test) -> Option<f64> {
    match test.grade {
        Grade::Pass | Grade::Inconclusive | Grade::Fail => test.p_value,
        Grade::Info | Grade::NotRun | Grade::NotApplicable => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::card::Agreement;
    use crate::card::tests::example::example;

    /// A pass whose own p-value is small, among many that are not.
    #[test]
    fn a_pass_that_the_correction_does_not_bear_out_is_inconclusive() {
        let mut card = example();
        let before: Vec<Grade> = card.tests().map(|test| test.grade).collect();
        let tests = card.tests().filter(|test| test.p_value.is_some()).count();
        card.correct().unwrap();
        assert_eq!(
            card.tests().map(|test| test.grade).collect::<Vec<_>>(),
            before
        );
        let deletion = |card: &Card| card.sections.input_sensitivity[0].clone();
        assert_eq!(deletion(&card).p_holm, Some(0.0001 * tests as f64));

        card.sections.input_sensitivity[0].p_value = Some(0.0647);
        // The grade before the correction.
        let exact = card.methodology.determinism.clone();
        card.correct().unwrap();
        let held = deletion(&card);
        assert_eq!(
            (held.grade, held.p_holm),
            (Grade::Inconclusive, Some(0.0647))
        );
        assert_eq!(
            held.grade_reason,
            format!(
                "better than every null: 0.1232 (0.1177 to 0.1287); among {tests} tests it has p 0.0647 (Holm), above 0.05"
            )
        );
        assert_eq!(card.methodology.determinism.grade, exact.grade);
        card.sections.input_sensitivity[0].agreement_with_published = Some(Agreement::Agree);
        let once = card.clone();
        card.correct().unwrap();
        assert_eq!(card, once);
        card.validate().unwrap();
    }

    /// A test that was not run does not weaken the others.
    #[test]
    fn only_what_is_graded_counts() {
        let mut card = example();
        let before = card.sections.input_sensitivity[0].p_holm;
        let grey = &mut card.sections.input_sensitivity[2];
        assert_eq!(grey.grade, Grade::NotRun);
        grey.p_value = Some(1.0);
        card.correct().unwrap();
        let tests = &card.sections.input_sensitivity;
        assert_eq!((tests[0].p_holm, tests[2].p_holm), (before, None));
    }

    /// A pass against nulls without a p-value cannot be corrected, and is not a pass.
    #[test]
    fn a_pass_without_a_p_value_is_inconclusive() {
        let mut card = example();
        card.sections.input_sensitivity[0].p_value = None;
        card.correct().unwrap();
        let held = &card.sections.input_sensitivity[0];
        assert_eq!((held.grade, held.p_holm), (Grade::Inconclusive, None));
    }
}
