//! What a host says of itself each second.

use super::{Refusal, VERSION, understood};
use crate::{Renewal, serde_text};
use firstlight_units::{ByteCount, Region, SessionId, TitleId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A host's state, whole: nothing of an earlier beat counts any longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// [`VERSION`].
    pub v: u32,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    #[serde(with = "serde_text")]
    pub region: Region,
    /// Where on the map, where its operator said so.
    #[serde(default)]
    pub position: Option<Position>,
    /// The engine's version.
    #[serde(default)]
    pub engine: String,
    /// Whether it takes sessions.
    pub state: HostState,
    /// How many sessions it takes at once.
    pub slots: u32,
    /// The slots that are in use.
    #[serde(default)]
    pub held: Vec<Held>,
    /// The titles that it has.
    #[serde(default)]
    pub titles: Vec<Installed>,
    /// What it measured of itself.
    #[serde(default)]
    pub spec: Spec,
    /// Where players and gateways reach its media ports.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// What a slot costs, in millionths of the fleet's currency per hour.
    #[serde(default)]
    pub price_micros: u64,
}

/// On the map, in thousandths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// North.
    pub lat_milli: i32,
    /// East.
    pub lon_milli: i32,
}

/// Whether a host takes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It does.
    Open,
    /// It finishes those that it has.
    Draining,
    /// It goes: it has none, or ends those that it has.
    Leaving,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// A slot that is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub slot: u32,
    /// Under which fence.
    pub fence: u64,
    /// By whom.
    #[serde(with = "serde_text")]
    pub session: SessionId,
    /// Smoothed round trip to its player, microseconds; 0: he is away, or it is not known.
    #[serde(default)]
    pub rtt_us: u32,
    /// It is not ready for its player yet, and may never be: its slot is taken, and its lease is not renewed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
}

impl From<Held> for Renewal {
    fn from(held: Held) -> Self {
        Self {
            session: held.session,
            fence: held.fence,
        }
    }
}

/// A title that a host has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The title.
    #[serde(with = "serde_text")]
    pub id: TitleId,
    /// The publisher's version.
    pub version: String,
    /// Copies that are booted and frozen.
    #[serde(default)]
    pub parked: u32,
    /// Milliseconds that a copy takes to be ready; 0: none was yet.
    #[serde(default)]
    pub boot_ms: u32,
}

/// What a host measured of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// Cores that it may use.
    pub cores: u32,
    /// Millions of rounds of the engine's integer benchmark per second, on one core.
    pub core_score: u32,
    /// Memory, all of it.
    pub memory_bytes: u64,
    /// Memory that is available.
    pub memory_available_bytes: u64,
    /// Thousandths of a core that sessions are charged.
    pub millicores_charged: u32,
    /// Encoders that were opened, best first.
    pub encoders: Vec<String>,
    /// Median microseconds from capture to the network over the last seconds' sessions; where none ran, what the encoder took for a
    /// picture when the host was started; 0: not known.
    pub stages_us: u32,
    /// IPv4 from elsewhere.
    pub ipv4: bool,
    /// IPv6 from elsewhere.
    pub ipv6: bool,
}

impl Beat {
    /// An open host without anything.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            v: VERSION,
            name: String::new(),
            region,
            position: None,
            engine: String::new(),
            state: HostState::Open,
            slots: 0,
            held: Vec::new(),
            titles: Vec::new(),
            spec: Spec::default(),
            addresses: Vec::new(),
            price_micros: 0,
        }
    }

    /// Reads a message's content and refuses what cannot be.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Version`], [`Refusal::Absurd`], [`Refusal::ForeignSlot`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let beat: Self = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !understood(beat.v) {
            return Err(Refusal::Version(beat.v));
        }
        beat.check()?;
        Ok(beat)
    }

    /// As a message's content.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), Refusal> {
        let position = self.position.is_none_or(|at| {
            (-90_000..=90_000).contains(&at.lat_milli) && (-180_000..=180_000).contains(&at.lon_milli)
        });
        let checks = [
            (self.slots <= SLOTS_MAX, "the number of slots"),
            (self.held.len() <= SLOTS_MAX as usize, "the number of sessions"),
            (self.titles.len() <= TITLES_MAX, "the number of titles"),
            (self.addresses.len() <= ADDRESSES_MAX, "the number of addresses"),
            (self.spec.cores <= 4096, "the number of cores"),
            (self.spec.core_score <= 1_000_000, "the benchmark's score"),
            (self.spec.memory_bytes <= MEMORY_MAX.as_u64(), "the memory"),
            (
                self.spec.memory_available_bytes <= MEMORY_MAX.as_u64(),
                "the memory available",
            ),
            (self.spec.encoders.len() <= 32, "the number of encoders"),
            (
                self.spec.encoders.iter().all(|name| is_word(name, 64)),
                "an encoder's name",
            ),
            (self.name.is_empty() || is_word(&self.name, 64), "the name"),
            (
                self.engine.is_empty() || is_word(&self.engine, 64),
                "the engine's version",
            ),
            (
                self.titles.iter().all(|title| is_word(&title.version, 64)),
                "a title's version",
            ),
            (
                self.titles.iter().all(|title| title.parked <= SLOTS_MAX),
                "the number of parked copies",
            ),
            (
                self.titles.iter().all(|title| title.boot_ms <= BOOT_MS_MAX),
                "the time that a copy boots",
            ),
            (
                self.held.iter().all(|held| held.rtt_us <= RTT_US_MAX),
                "a round trip",
            ),
            (self.price_micros <= PRICE_MAX, "the price"),
            (position, "the position"),
        ];
        if let Some((_, what)) = checks.into_iter().find(|(holds, _)| !holds) {
            return Err(Refusal::Absurd(what));
        }
        let mut taken = BTreeSet::new();
        for held in &self.held {
            // A host whose slots were made fewer still plays what it has, so that the limit is the absolute one.
            if held.slot >= SLOTS_MAX || held.fence == 0 {
                return Err(Refusal::ForeignSlot(held.slot));
            }
            if !taken.insert(held.slot) {
                return Err(Refusal::Absurd("two sessions in one slot"));
            }
        }
        Ok(())
    }
}

/// One line of visible text that a page or a log can show.
pub(crate) fn is_word(text: &str, most: usize) -> bool {
    !text.is_empty()
        && text.len() <= most
        && text
            .chars()
            .all(|c| c == ' ' || (!c.is_control() && !c.is_whitespace()))
}

/// Virtual phones on the largest machine.
pub(crate) const SLOTS_MAX: u32 = 1024;
const TITLES_MAX: usize = 4096;
const ADDRESSES_MAX: usize = 16;
const MEMORY_MAX: ByteCount = ByteCount::new(64 << 40);
/// An hour.
const BOOT_MS_MAX: u32 = 3_600_000;
/// A minute; nobody plays like that.
const RTT_US_MAX: u32 = 60_000_000;
/// A million an hour.
const PRICE_MAX: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beat() -> Beat {
        Beat {
            slots: 4,
            ..Beat::new("eu-1".parse().unwrap())
        }
    }

    fn held(slot: u32, fence: u64) -> Held {
        Held {
            slot,
            fence,
            session: "s".parse().unwrap(),
            rtt_us: 20_000,
            starting: slot == 3,
        }
    }

    #[test]
    fn a_beat_is_read_as_it_was_written() {
        let mut whole = beat();
        whole.held.push(held(3, 9));
        whole.addresses.push("2001:db8::1".parse().unwrap());
        assert_eq!(Beat::read(&whole.write()), Ok(whole));
    }

    #[test]
    fn absurd_values_are_refused() {
        let refused = |change: fn(&mut Beat)| {
            let mut beat = beat();
            change(&mut beat);
            Beat::read(&beat.write()).unwrap_err()
        };
        assert_eq!(
            refused(|b| b.slots = 100_000),
            Refusal::Absurd("the number of slots")
        );
        assert_eq!(
            refused(|b| b.spec.cores = 5000),
            Refusal::Absurd("the number of cores")
        );
        assert_eq!(
            refused(|b| b.spec.memory_bytes = u64::MAX),
            Refusal::Absurd("the memory")
        );
        assert_eq!(refused(|b| b.name = "a\r\nb".into()), Refusal::Absurd("the name"));
        assert_eq!(
            refused(|b| b.held.push(held(5000, 1))),
            Refusal::ForeignSlot(5000)
        );
        assert_eq!(refused(|b| b.held.push(held(0, 0))), Refusal::ForeignSlot(0));
        let twice = refused(|b| b.held.extend([held(0, 1), held(0, 2)]));
        assert_eq!(twice, Refusal::Absurd("two sessions in one slot"));
        let far = refused(|b| {
            b.held.push(Held {
                rtt_us: u32::MAX,
                ..held(0, 1)
            });
        });
        assert_eq!(far, Refusal::Absurd("a round trip"));
        assert_eq!(refused(|b| b.v = 9), Refusal::Version(9));
    }

    #[test]
    fn the_version_before_and_the_one_after_are_understood() {
        for (v, fields) in [(VERSION - 1, ""), (VERSION + 1, r#","later":{"x":1}"#)] {
            let text = format!(r#"{{"v":{v},"region":"eu","state":"open","slots":1{fields}}}"#);
            assert_eq!(Beat::read(text.as_bytes()).unwrap().slots, 1);
        }
        let odd = r#"{"v":1,"region":"eu","state":"hibernating","slots":1}"#;
        assert_eq!(Beat::read(odd.as_bytes()).unwrap().state, HostState::Unknown);
    }

    proptest! {
        #[test]
        fn anything_may_be_said(text in ".{0,300}") {
            let _beat = Beat::read(text.as_bytes());
        }
    }
}
