//! The imaginary fleet: what each host is, and what its sessions look like. Nothing here is known to the checker.

use crate::random::Random;
use firstlight_checker::accounts::{Account, Service};
use serde::Serialize;

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Honest, on lines like those of a city.
    Honest,
    /// Honest, and its players' lines lose, stall and wander.
    HonestPoorLines,
    /// Claims two to eight times the cores that it has.
    ClaimsMore,
    /// Makes parts of its proofs up.
    FakesProofs,
    /// Takes more sessions than it can draw.
    Oversells,
    /// Sends players less than their lines take, and tells checkers from players as well as a classifier of 55 % can.
    Throttles,
    /// Shows old pictures for new ones.
    Replays,
    /// Serves from far away.
    Far,
    /// Sends less than it counts.
    Drops,
    /// Counts more minutes than are played.
    Minutes,
    /// Any of the others, and a fifth of the checkers speak for it.
    Colludes,
    /// Any of the others, after a good month.
    Turns,
}

impl Kind {
    pub(crate) const CHEATS: [Self; 10] = [
        Self::ClaimsMore,
        Self::FakesProofs,
        Self::Oversells,
        Self::Throttles,
        Self::Replays,
        Self::Far,
        Self::Drops,
        Self::Minutes,
        Self::Colludes,
        Self::Turns,
    ];
    /// Those whose lie is in the session.
    const IN_SESSION: [Self; 6] = [
        Self::Oversells,
        Self::Throttles,
        Self::Replays,
        Self::Far,
        Self::Drops,
        Self::Minutes,
    ];
}

/// A host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) id: [u8; 32],
    pub(crate) kind: Kind,
    /// What it does.
    act: Kind,
    /// In what part of its sessions.
    pub(crate) part: f64,
    /// How far: 0 barely, 1 without shame.
    depth: f64,
    /// Checks before it begins.
    pub(crate) good_for: u32,
}

impl Host {
    pub(crate) fn new(kind: Kind, random: &mut Random) -> Self {
        let any = Kind::IN_SESSION[usize::try_from(random.next() % 6).unwrap_or(0)];
        let act = if matches!(kind, Kind::Colludes | Kind::Turns) {
            any
        } else {
            kind
        };
        Self {
            id: random.bytes(),
            kind,
            act,
            part: random.rarely(0.05, 1.0),
            depth: random.unit(),
            // A check an hour, for a month.
            good_for: if kind == Kind::Turns { 720 } else { 0 },
        }
    }

    pub(crate) const fn is_honest(&self) -> bool {
        matches!(self.kind, Kind::Honest | Kind::HonestPoorLines)
    }

    /// How many times the claimed time its cores need.
    pub(crate) fn slowness(&self, random: &mut Random) -> f64 {
        // Neighbours, clocks, a turbo that is off.
        let most = if random.chance(0.02) { 3.0 } else { 1.2 };
        let noise = random.within(0.9, most);
        if self.act == Kind::ClaimsMore {
            noise * (2.0 + 6.0 * self.depth)
        } else {
            noise
        }
    }

    /// What part of a proof it makes up.
    pub(crate) fn made_up(&self, random: &mut Random) -> f64 {
        if self.act == Kind::FakesProofs && random.chance(self.part) {
            0.25 + 0.75 * self.depth
        } else {
            0.0
        }
    }

    /// A session of ten minutes, as host, player and relay tell of it.
    pub(crate) fn session(&self, check: u32, random: &mut Random) -> (Account, Account, Account, Service) {
        let (mut host, mut player, mut relay, mut service) =
            true_session(self.kind == Kind::HonestPoorLines, random);
        let unseen = self.act != Kind::Throttles || !random.chance(0.55);
        if check >= self.good_for && unseen && random.chance(self.part) {
            self.lie(&mut host, &mut service);
            if self.act == Kind::Drops {
                let kept = 0.9 - 0.6 * self.depth;
                player.units = scaled(player.units, kept);
                player.bytes = scaled(player.bytes, kept);
                relay.bytes = scaled(relay.bytes, kept);
            }
        }
        (host, player, relay, service)
    }

    fn lie(&self, host: &mut Account, service: &mut Service) {
        let depth = self.depth;
        match self.act {
            Kind::Oversells => {
                service.encoded = scaled(service.drawn, 0.85 - 0.5 * depth);
                service.sent_bps = scaled(service.sent_bps, 0.85 - 0.5 * depth);
            }
            Kind::Throttles => {
                service.sent_bps = scaled(service.allowed_bps, 0.45 - 0.3 * depth);
                // What so few bits do not carry is coded at three quarters of its sides, at half, at three eighths.
                service.pixels = scaled(service.drawn_pixels, 0.5625 - 0.42 * depth);
            }
            Kind::Replays => service.fresh = scaled(service.asked_fresh, 0.4 * (1.0 - depth)),
            Kind::Far => service.rtt_us += scaled(200_000, 0.15 + 0.85 * depth),
            Kind::Minutes => host.seconds += scaled(host.seconds, 0.05 + depth),
            Kind::Drops
            | Kind::Honest
            | Kind::HonestPoorLines
            | Kind::ClaimsMore
            | Kind::FakesProofs
            | Kind::Colludes
            | Kind::Turns => {}
        }
    }
}

/// What an honest host's session looks like from three sides.
fn true_session(poor: bool, random: &mut Random) -> (Account, Account, Account, Service) {
    let seconds = scaled(1, random.rarely(60.0, 3_600.0));
    // A title stands still at times.
    let drawn = scaled(seconds * 60, random.within(0.3, 1.0));
    let allowed = random.rarely(if poor { 400_000.0 } else { 5_000_000.0 }, 20_000_000.0);
    // What the line does not carry is not encoded either.
    let carried = if poor {
        random.within(0.2, 1.0)
    } else {
        random.within(0.96, 1.0)
    };
    let used = random.within(0.9, 1.0);
    let units = scaled(drawn, carried);
    let bytes = scaled(seconds, allowed * used / 8.0 * random.within(0.2, 1.0));
    let host = Account {
        seconds,
        units,
        bytes,
    };
    // The last reports are lost with the page; where lines are poor, some seconds more.
    let unheard = scaled(
        1,
        if poor {
            random.within(0.0, 4.0)
        } else {
            random.within(0.0, 2.0)
        },
    );
    let player = Account {
        seconds: seconds.saturating_sub(unheard),
        units: units.saturating_sub(scaled(60, random.within(0.0, 1.0))),
        bytes,
    };
    let relay = Account {
        bytes: scaled(bytes, random.within(0.97, 1.0)),
        ..host
    };
    let rtt = random.rarely(4_000.0, 60_000.0);
    // The way to the region was measured at another time; over a cellular line it may have been another way.
    let wander = match (poor, random.chance(0.000_5)) {
        (true, true) => random.within(20_000.0, 80_000.0),
        (true, false) => random.within(-5_000.0, 15_000.0),
        (false, _) => random.within(-2_000.0, 4_000.0),
    };
    let asked = (seconds / 10).max(1);
    let service = Service {
        drawn,
        encoded: units,
        sent_bps: scaled(1, allowed * used),
        allowed_bps: scaled(1, allowed),
        rtt_us: scaled(1, (rtt + wander).max(1_000.0)),
        region_rtt_us: scaled(1, rtt),
        fresh: scaled(
            asked,
            if poor {
                random.within(0.6, 1.0)
            } else {
                random.within(0.95, 1.0)
            },
        ),
        asked_fresh: asked,
        drawn_pixels: PIXELS,
        pixels: scaled(PIXELS, carried),
    };
    (host, player, relay, service)
}

/// Of 1280×720.
const PIXELS: u64 = 1280 * 720;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an hour's counters, never negative"
)]
fn scaled(n: u64, by: f64) -> u64 {
    (n as f64 * by).max(0.0) as u64
}
