//! A report's figures in words, for the player.

use super::view::Scores;
use crate::quality::Factor;

/// What click-to-photon stands for.
pub(super) const MEANS: &str = "from an input to the display of the first picture that the title began with after it, as far as its work \
    for a picture tells: that can be the picture before or after. Where the title takes longer to answer, what answers comes later";

/// What a factor below good was like.
pub(super) const fn reason(factor: Factor) -> &'static str {
    match factor {
        Factor::Delay => "the picture answered late",
        Factor::Variation => "the delay went up and down",
        Factor::Freezes => "the picture stood still",
        Factor::Rate => "pictures were left out",
        Factor::Picture => "the picture was coarse or blurred",
    }
}

/// A session's score in one sentence.
pub(super) fn summary(scores: &Scores) -> String {
    let Some(whole) = scores.whole else {
        return "Nothing was judged: the player's page told of no second.".to_owned();
    };
    let grade = match whole {
        9_000.. => "As good as playing at home",
        7_000.. => "Good",
        5_000.. => "Playable, with faults",
        _ => "Poor",
    };
    let poor = scores.seconds.saturating_sub(scores.good);
    let Some(first) = scores.reasons.first().filter(|_| poor > 0) else {
        let ends = match (scores.start < 7_000, scores.exit < 7_000) {
            (true, _) => " The start took long.",
            (false, true) => " It did not end as it should have.",
            (false, false) => "",
        };
        return format!("{grade}: no second of {} was poor.{ends}", scores.seconds);
    };
    let most = if poor == 1 { "there" } else { "mostly there" };
    format!(
        "{grade}: {poor} of {} seconds were poor; {most}, {}.",
        scores.seconds, first.words
    )
}

#[cfg(test)]
mod tests {
    use super::super::view::Reason;
    use super::*;

    #[test]
    fn a_score_says_what_it_lacks() {
        let none = Scores::default();
        assert!(summary(&none).starts_with("Nothing was judged"));
        let mut scores = Scores {
            whole: Some(9_500),
            start: 10_000,
            exit: 10_000,
            seconds: 30,
            good: 30,
            ..Scores::default()
        };
        assert_eq!(
            summary(&scores),
            "As good as playing at home: no second of 30 was poor."
        );
        (scores.whole, scores.start) = (Some(8_500), 3_000);
        assert_eq!(
            summary(&scores),
            "Good: no second of 30 was poor. The start took long."
        );
        (scores.whole, scores.good) = (Some(4_000), 10);
        scores.reasons = vec![Reason {
            factor: "delay".into(),
            seconds: 20,
            words: reason(Factor::Delay).into(),
        }];
        assert_eq!(
            summary(&scores),
            "Poor: 20 of 30 seconds were poor; mostly there, the picture answered late."
        );
    }
}
