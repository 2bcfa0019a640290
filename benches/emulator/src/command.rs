//! What the emulator is told, a JSON object a line, and what a link is like in JSON.
//!
//! ```text
//! {"id":1,"cmd":"udp","to":"127.0.0.1:4433"}          -> {"id":1,"port":41000}
//! {"id":2,"cmd":"tcp","to":"127.0.0.1:8080"}          -> {"id":2,"port":41001}
//! {"id":3,"cmd":"set","down":{"rate":5e6,"delay_ms":10}} -> {"id":3}
//! {"id":4,"cmd":"cut"}  restore, rebind, drop_interface, stats
//! ```

use anyhow::{Context as _, ensure};
use firstlight_netem::{Bursts, Chance, Config, Queue, Ramp, Schedule, Step};
use firstlight_units::{Bitrate, ByteCount, Micros};
use serde::Deserialize;
use std::net::SocketAddr;

/// A line of stdin.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Request {
    /// Comes back in the answer.
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) command: Command,
}

/// See the module.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub(crate) enum Command {
    /// Opens a UDP port whose datagrams go to `to`.
    Udp { to: SocketAddr },
    /// Opens a TCP port whose connections go to `to`.
    Tcp { to: SocketAddr },
    /// Makes the path anew, from this moment on; what is under way still arrives. A direction left out stays as it is.
    Set {
        up: Option<Box<LinkSpec>>,
        down: Option<Box<LinkSpec>>,
    },
    /// Loses everything, both ways.
    Cut,
    /// Ends a cut.
    Restore,
    /// A NAT forgets: every UDP flow goes on from another source port, and what is sent to the old one is lost.
    Rebind,
    /// The client's interface is gone: flows that exist are dead for good, those of new sockets pass.
    DropInterface,
    /// What happened so far.
    Stats,
}

/// One direction; what is left out is as in [`Config::default`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkSpec {
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    rate: Option<RateSpec>,
    #[serde(default)]
    delay_ms: Option<f64>,
    #[serde(default)]
    jitter_ms: Option<f64>,
    /// 0 to 1, like every chance here.
    #[serde(default)]
    loss: Option<f64>,
    #[serde(default)]
    bursts: Option<BurstSpec>,
    #[serde(default)]
    duplicate: Option<f64>,
    #[serde(default)]
    reorder: Option<ReorderSpec>,
    #[serde(default)]
    queue_ms: Option<f64>,
    #[serde(default)]
    queue_bytes: Option<u64>,
    #[serde(default)]
    ramp_ms: Option<[f64; 2]>,
    #[serde(default)]
    overhead_bytes: Option<u64>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum RateSpec {
    /// Bit/s.
    Constant(f64),
    /// `[seconds from now, bit/s]`, in order.
    Steps(Vec<(f64, f64)>),
    /// Equally long samples, over and over.
    Trace { sample_ms: f64, bps: Vec<f64> },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct BurstSpec {
    begin: f64,
    end: f64,
    loss: f64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct ReorderSpec {
    chance: f64,
    delay_ms: f64,
}

impl LinkSpec {
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::default();
        if let Some(seed) = self.seed {
            config = config.seed(seed);
        }
        if let Some(rate) = &self.rate {
            config = config.rate(rate.schedule()?);
        }
        if let Some(delay) = self.delay_ms {
            config = config.delay(span(delay, 1e3)?);
        }
        if let Some(jitter) = self.jitter_ms {
            config = config.jitter(span(jitter, 1e3)?);
        }
        if let Some(loss) = self.loss {
            config = config.loss(chance(loss)?);
        }
        if let Some(BurstSpec { begin, end, loss }) = self.bursts {
            config = config.bursts(Bursts {
                begin: chance(begin)?,
                end: chance(end)?,
                loss: chance(loss)?,
            });
        }
        if let Some(duplicate) = self.duplicate {
            config = config.duplicate(chance(duplicate)?);
        }
        if let Some(reorder) = self.reorder {
            config = config.reorder(chance(reorder.chance)?, span(reorder.delay_ms, 1e3)?);
        }
        if let Some(most) = self.queue_ms {
            config = config.queue(Queue::Time(span(most, 1e3)?));
        }
        if let Some(most) = self.queue_bytes {
            config = config.queue(Queue::Bytes(ByteCount::new(most)));
        }
        if let Some([from, full]) = self.ramp_ms {
            let (from, full) = (span(from, 1e3)?, span(full, 1e3)?);
            config = config.ramp(Ramp { from, full });
        }
        if let Some(overhead) = self.overhead_bytes {
            config = config.overhead(ByteCount::new(overhead));
        }
        Ok(config)
    }
}

impl RateSpec {
    fn schedule(&self) -> anyhow::Result<Schedule> {
        Ok(match self {
            Self::Constant(bps) => Schedule::constant(bitrate(*bps)?),
            Self::Steps(steps) => {
                let step = |(at, bps): &(f64, f64)| {
                    anyhow::Ok(Step {
                        at: span(*at, 1e6)?,
                        rate: bitrate(*bps)?,
                    })
                };
                Schedule::steps(steps.iter().map(step).collect::<Result<_, _>>()?)
            }
            Self::Trace { sample_ms, bps } => {
                let rates: Vec<_> = bps.iter().map(|bps| bitrate(*bps)).collect::<Result<_, _>>()?;
                Schedule::trace(span(*sample_ms, 1e3)?, &rates)
            }
        })
    }
}

/// A number from outside as a whole one up to `most`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is checked to be within the range first"
)]
fn whole(n: f64, most: f64) -> anyhow::Result<u64> {
    ensure!((0.0..=most).contains(&n), "{n} is not within 0 and {most}");
    Ok(n.round() as u64)
}

fn span(n: f64, micros: f64) -> anyhow::Result<Micros> {
    whole(n * micros, SPAN_MAX_US).map(Micros::new).context("a time")
}

fn bitrate(n: f64) -> anyhow::Result<Bitrate> {
    whole(n, RATE_MAX).map(Bitrate::bps).context("a rate")
}

fn chance(n: f64) -> anyhow::Result<Chance> {
    let ppm = whole(n * 1e6, 1e6).context("a chance")?;
    Ok(Chance::ppm(u32::try_from(ppm)?))
}

/// A day.
const SPAN_MAX_US: f64 = 86_400e6;
const RATE_MAX: f64 = 1e12;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Command {
        serde_json::from_str::<Request>(text).unwrap().command
    }

    #[test]
    fn commands_are_lines_of_json() {
        assert_eq!(
            parse(r#"{"id":1,"cmd":"drop_interface"}"#),
            Command::DropInterface
        );
        let to = "127.0.0.1:9".parse().unwrap();
        assert_eq!(
            parse(r#"{"id":1,"cmd":"udp","to":"127.0.0.1:9"}"#),
            Command::Udp { to }
        );
        assert!(serde_json::from_str::<Request>(r#"{"id":1,"cmd":"set","up":{"dealy_ms":3}}"#).is_err());
    }

    #[test]
    fn a_link_is_described_in_the_units_of_its_keys() {
        let Command::Set {
            up: None,
            down: Some(spec),
        } = parse(
            r#"{"id":1,"cmd":"set","down":{"rate":[[0,5e6],[20,5e5]],"delay_ms":2.5,"loss":0.003,"queue_ms":80}}"#,
        )
        else {
            panic!("not a set");
        };
        let steps = [(0, 5_000), (20, 500)].map(|(s, kbps)| Step {
            at: Micros::from_secs(s),
            rate: Bitrate::kbps(kbps),
        });
        let wanted = Config::default()
            .rate(Schedule::steps(steps.to_vec()))
            .delay(Micros::new(2_500))
            .loss(Chance::ppm(3_000))
            .queue(Queue::Time(Micros::from_millis(80)));
        assert_eq!(format!("{:?}", spec.config().unwrap()), format!("{wanted:?}"));
    }

    #[test]
    fn what_describes_no_link_is_refused() {
        for bad in [
            r#"{"loss":1.5}"#,
            r#"{"delay_ms":-1}"#,
            r#"{"rate":-5}"#,
            r#"{"rate":[[0,1e15]]}"#,
        ] {
            let spec: LinkSpec = serde_json::from_str(bad).unwrap();
            assert!(spec.config().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_parser(text in ".*", loss in any::<f64>(), rate in any::<f64>()) {
            drop(serde_json::from_str::<Request>(&text));
            let line = format!(r#"{{"id":1,"cmd":"set","up":{{"loss":{loss},"rate":{rate},"queue_ms":{rate}}}}}"#);
            if let Ok(Request { command: Command::Set { up: Some(up), .. }, .. }) = serde_json::from_str(&line) {
                drop(up.config());
            }
        }
    }
}
