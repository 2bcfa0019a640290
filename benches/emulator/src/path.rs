//! The path that all flows share: a link each way, cuts, and segments of TCP that are sent again.

use crate::command::LinkSpec;
use bytes::Bytes;
use firstlight_netem::{Config, Fate, Link, Packet, Stats};
use firstlight_units::{ByteCount, Micros, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// A direction: up is from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Up,
    Down,
}

/// Something on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) flow: u64,
    pub(crate) way: Way,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Datagram(Bytes),
    /// A TCP connection is asked for.
    Open,
    /// It is there.
    Opened,
    /// A segment of a TCP connection; an empty one is its end.
    Segment {
        number: u64,
        bytes: Bytes,
    },
}

impl Packet for Parcel {
    fn size(&self) -> ByteCount {
        match &self.content {
            Content::Datagram(bytes) => ByteCount::from(bytes.len()),
            Content::Open | Content::Opened => ByteCount::new(TCP_HEADER_BYTES),
            Content::Segment { bytes, .. } => ByteCount::from(bytes.len()) + ByteCount::new(TCP_HEADER_BYTES),
        }
    }
}

impl Parcel {
    const fn is_reliable(&self) -> bool {
        !matches!(self.content, Content::Datagram(_))
    }
}

/// See the module.
pub(crate) struct Path {
    up: Direction,
    down: Direction,
    cut: bool,
    again: BTreeMap<(Timestamp, u64), Parcel>,
    order: u64,
    lost_in_cut: u64,
}

struct Direction {
    /// The newest is last; those before it only let out what they hold.
    links: Vec<Link<Parcel>>,
    /// Of links that are gone.
    past: Stats,
}

/// What became of the packets of one direction so far.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Counts {
    sent: u64,
    delivered: u64,
    delivered_bytes: u64,
    lost: u64,
    overflowed: u64,
    queue_ms: f64,
}

impl Path {
    /// A path of two plain wires.
    pub(crate) fn new(now: Timestamp) -> anyhow::Result<Self> {
        Ok(Self {
            up: Direction::new(Config::default().build(now)?),
            down: Direction::new(Config::default().build(now)?),
            cut: false,
            again: BTreeMap::new(),
            order: 0,
            lost_in_cut: 0,
        })
    }

    /// Replaces a direction.
    pub(crate) fn set(&mut self, now: Timestamp, way: Way, spec: &LinkSpec) -> anyhow::Result<()> {
        let link = spec.config()?.build(now)?;
        self.direction(way).links.push(link);
        Ok(())
    }

    pub(crate) const fn cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// `false` when it was a segment of TCP and is lost: it comes again, and its connection should slow down.
    pub(crate) fn send(&mut self, now: Timestamp, parcel: Parcel) -> bool {
        let again = parcel.is_reliable().then(|| parcel.clone());
        let arrives = if self.cut {
            self.lost_in_cut += 1;
            false
        } else {
            match self.direction(parcel.way).links.last_mut() {
                Some(link) => link.send(now, parcel) == Fate::OnTheWay,
                None => false,
            }
        };
        let Some(again) = again.filter(|_| !arrives) else {
            return true;
        };
        self.order += 1;
        self.again.insert((now + RESEND, self.order), again);
        false
    }

    /// The next parcel that has arrived.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Option<Parcel> {
        loop {
            let due = self.again.first_entry().filter(|entry| entry.key().0 <= now);
            let Some(parcel) = due.map(|entry| entry.remove()) else {
                break;
            };
            self.send(now, parcel);
        }
        self.up.poll(now).or_else(|| self.down.poll(now))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let again = self.again.keys().next().map(|key| key.0);
        [self.up.poll_timeout(), self.down.poll_timeout(), again]
            .into_iter()
            .flatten()
            .min()
    }

    /// Up and down, and what cuts have taken.
    pub(crate) fn counts(&self, now: Timestamp) -> (Counts, Counts, u64) {
        (self.up.counts(now), self.down.counts(now), self.lost_in_cut)
    }

    const fn direction(&mut self, way: Way) -> &mut Direction {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

impl Direction {
    fn new(link: Link<Parcel>) -> Self {
        Self {
            links: vec![link],
            past: Stats::default(),
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<Parcel> {
        let newest = self.links.len().saturating_sub(1);
        let found = self.links.iter_mut().find_map(|link| link.poll(now));
        if found.is_none() && newest > 0 {
            let past = &mut self.past;
            let mut index = 0;
            self.links.retain(|link| {
                let keep = index == newest || link.on_the_way() > 0;
                index += 1;
                if !keep {
                    *past = sum(*past, link.stats());
                }
                keep
            });
        }
        found
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.links.iter().filter_map(Link::poll_timeout).min()
    }

    fn counts(&self, now: Timestamp) -> Counts {
        let all = self.links.iter().map(Link::stats).fold(self.past, sum);
        let queue = self.links.last().map_or(Micros::ZERO, |link| link.queueing(now));
        Counts {
            sent: all.sent,
            delivered: all.delivered,
            delivered_bytes: all.delivered_bytes.as_u64(),
            lost: all.lost + all.lost_in_outage,
            overflowed: all.overflowed,
            queue_ms: queue.as_millis_f64(),
        }
    }
}

fn sum(a: Stats, b: Stats) -> Stats {
    Stats {
        sent: a.sent + b.sent,
        delivered: a.delivered + b.delivered,
        delivered_bytes: a.delivered_bytes + b.delivered_bytes,
        lost: a.lost + b.lost,
        lost_in_outage: a.lost_in_outage + b.lost_in_outage,
        overflowed: a.overflowed + b.overflowed,
        duplicated: a.duplicated + b.duplicated,
        marked: a.marked + b.marked,
    }
}

/// IPv4 and TCP without options.
const TCP_HEADER_BYTES: u64 = 40;
/// The least retransmission timeout of Linux (TCP_RTO_MIN): a lost segment comes again after it.
const RESEND: Micros = Micros::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000);

    fn parcel(content: Content) -> Parcel {
        Parcel {
            flow: 1,
            way: Way::Up,
            content,
        }
    }

    #[test]
    fn a_cut_takes_datagrams_and_holds_segments_up() {
        let mut path = Path::new(START).unwrap();
        path.cut(true);
        assert!(path.send(START, parcel(Content::Datagram(Bytes::from_static(b"a")))));
        let segment = Content::Segment {
            number: 0,
            bytes: Bytes::from_static(b"b"),
        };
        assert!(!path.send(START, parcel(segment)));
        path.cut(false);
        assert!(path.poll(START + Micros::from_millis(199)).is_none());
        assert!(
            path.poll(START + RESEND).is_none(),
            "it is sent again, and takes its time"
        );
        let got = path.poll(START + Micros::from_millis(250)).unwrap();
        assert!(matches!(got.content, Content::Segment { .. }));
        assert!(path.poll_timeout().is_none());
    }

    #[test]
    fn a_path_made_anew_still_delivers_what_was_under_way() {
        let mut path = Path::new(START).unwrap();
        path.send(START, parcel(Content::Datagram(Bytes::from_static(b"a"))));
        let spec: LinkSpec = serde_json::from_str(r#"{"delay_ms":50}"#).unwrap();
        path.set(START, Way::Up, &spec).unwrap();
        path.send(START, parcel(Content::Datagram(Bytes::from_static(b"b"))));
        assert!(path.poll(START + Micros::from_millis(2)).is_some());
        assert!(path.poll(START + Micros::from_millis(2)).is_none());
        assert!(path.poll(START + Micros::from_millis(51)).is_some());
        assert!(path.poll(START + Micros::from_millis(51)).is_none());
        assert_eq!(path.counts(START).0.delivered, 2);
        assert_eq!(path.up.links.len(), 1);
    }
}
