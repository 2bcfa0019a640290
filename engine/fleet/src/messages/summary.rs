//! What a cell tells the others: enough to send a player there, and no more.

use super::{Refusal, VERSION, understood};
use crate::serde_text;
use firstlight_units::{Region, TitleId};
use serde::{Deserialize, Serialize};

/// A cell in one line: the answer of `GET /v1/summary`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// [`VERSION`].
    pub v: u32,
    /// It takes sessions: it is not stopping, and has its store and its bus.
    pub open: bool,
    /// Where it has hosts.
    #[serde(default)]
    pub regions: Vec<RegionSummary>,
    /// Titles that some host of it has, or could fetch.
    #[serde(default)]
    pub titles: Vec<TitleSummary>,
}

/// A region of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionSummary {
    /// Its name.
    #[serde(with = "serde_text")]
    pub region: Region,
    /// Slots that are free, rounded down to a power of two: who asks each second learns nothing of single players.
    pub free: u64,
}

/// A title of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TitleSummary {
    /// Its id.
    #[serde(with = "serde_text")]
    pub id: TitleId,
}

impl Summary {
    /// Of a cell that takes nobody.
    #[must_use]
    pub const fn closed() -> Self {
        Self {
            v: VERSION,
            open: false,
            regions: Vec::new(),
            titles: Vec::new(),
        }
    }

    /// Reads one, and refuses what no cell says.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Version`], [`Refusal::Absurd`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let summary: Self = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !understood(summary.v) {
            return Err(Refusal::Version(summary.v));
        }
        if summary.regions.len() > REGIONS_MAX {
            return Err(Refusal::Absurd("the number of regions"));
        }
        if summary.titles.len() > TITLES_MAX {
            return Err(Refusal::Absurd("the number of titles"));
        }
        Ok(summary)
    }

    /// As it is sent.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A cell is some regions, not the world.
const REGIONS_MAX: usize = 256;
/// As many as a host may have.
const TITLES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_as_it_was_written_and_nonsense_does_not() {
        let summary = Summary {
            v: VERSION,
            open: true,
            regions: vec![RegionSummary {
                region: "eu".parse().unwrap(),
                free: 64,
            }],
            titles: vec![TitleSummary {
                id: "doom".parse().unwrap(),
            }],
        };
        assert_eq!(Summary::read(&summary.write()), Ok(summary.clone()));
        // What a later version adds is skipped.
        assert_eq!(
            Summary::read(br#"{"v":2,"open":false,"more":1}"#).map(|read| read.open),
            Ok(false)
        );
        assert_eq!(Summary::read(br#"{"v":9,"open":true}"#), Err(Refusal::Version(9)));
        assert_eq!(Summary::read(b"<html>"), Err(Refusal::Malformed));
        let endless = Summary {
            regions: vec![summary.regions[0].clone(); REGIONS_MAX + 1],
            ..summary
        };
        assert!(matches!(Summary::read(&endless.write()), Err(Refusal::Absurd(_))));
    }
}
