//! What the app wants its gamepad's motors to do: effects that it uploads and plays, added up as the kernel's `ff-memless` does.
//!
//! Pure: time is a parameter. After every call that changes something, and when [`Effects::poll_timeout`] has passed, ask
//! [`Effects::poll`].

use super::kernel::KERNEL;
use super::model::{FF_PERIODIC, FF_RUMBLE};
use evdev::{FFEffectData, FFEffectKind};
use firstlight_units::{Micros, Timestamp};
use nix::errno::Errno;

/// What a player's gamepad is to do from now on, in place of what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rumble {
    /// 0 to 3.
    pub pad: u8,
    /// The heavy motor: 0 to 65535.
    pub strong: u16,
    /// The light motor: 0 to 65535.
    pub weak: u16,
    /// For how long, unless something else is said before: at most two seconds.
    pub duration: Micros,
}

/// An effect as an app uploads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    strong: u16,
    weak: u16,
    /// 0: for ever.
    length: Micros,
    delay: Micros,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Who uploaded it.
    owner: u64,
    effect: Effect,
    /// When it was played, and how often it is repeated.
    played: Option<(Timestamp, u32)>,
}

/// One gamepad's effects: at most [`EFFECTS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Effects {
    slots: [Option<Slot>; EFFECTS_MAX],
    /// What is taken off everything: 0 nothing, 65535 all.
    damping: u16,
    /// Strong and weak as they were told last, and when.
    told: (u16, u16),
    told_at: Timestamp,
}

impl Effect {
    /// Reads a `struct ff_effect` of a 64-bit program, and the number in it: -1 for a new one.
    ///
    /// # Errors
    /// `EINVAL` for an effect that is neither rumble nor a wave.
    pub(crate) fn parse(bytes: &[u8; FF_EFFECT_BYTES]) -> Result<(i16, Self), Errno> {
        let number = |at: usize| {
            let pair = bytes.get(at..at + 2).and_then(|pair| pair.try_into().ok());
            u16::from_ne_bytes(pair.unwrap_or_default())
        };
        let (strong, weak) = match number(0) {
            FF_RUMBLE => (number(16), number(18)),
            FF_PERIODIC => wave(number(20).cast_signed()),
            _ => return Err(Errno::EINVAL),
        };
        let effect = Self {
            strong,
            weak,
            length: Micros::from_millis(number(10).into()),
            delay: Micros::from_millis(number(12).into()),
        };
        Ok((number(2).cast_signed(), effect))
    }

    /// What the kernel passes on, if a motor can do it.
    pub(crate) fn of(data: &FFEffectData) -> Option<Self> {
        let (strong, weak) = match data.kind {
            FFEffectKind::Rumble {
                strong_magnitude,
                weak_magnitude,
            } => (strong_magnitude, weak_magnitude),
            FFEffectKind::Periodic { magnitude, .. } => wave(magnitude),
            FFEffectKind::Damper
            | FFEffectKind::Inertia
            | FFEffectKind::Constant { .. }
            | FFEffectKind::Ramp { .. }
            | FFEffectKind::Spring { .. }
            | FFEffectKind::Friction { .. } => return None,
        };
        Some(Self {
            strong,
            weak,
            length: Micros::from_millis(data.replay.length.into()),
            delay: Micros::from_millis(data.replay.delay.into()),
        })
    }
}

/// A wave's magnitude is half the range of a motor's, and one motor is as good as the other: both.
fn wave(magnitude: i16) -> (u16, u16) {
    let size = magnitude.unsigned_abs().saturating_mul(2);
    (size, size)
}

impl Effects {
    /// Takes an effect, anew or in place of one, and gives its number.
    ///
    /// # Errors
    /// `ENOSPC` when there are too many, `EINVAL` for a number that is nobody's, `EACCES` for one that is another's.
    pub(crate) fn upload(&mut self, owner: u64, id: i16, effect: Effect) -> Result<i16, Errno> {
        if id == -1 {
            let free = self.slots.iter().position(Option::is_none).ok_or(Errno::ENOSPC)?;
            let slot = self.slots.get_mut(free).ok_or(Errno::ENOSPC)?;
            *slot = Some(Slot {
                owner,
                effect,
                played: None,
            });
            return i16::try_from(free).map_err(|_| Errno::ENOSPC);
        }
        self.own(owner, id)?.effect = effect;
        Ok(id)
    }

    /// Takes an effect under the number that the kernel gave it; `false` when there is no such number.
    pub(crate) fn put(&mut self, id: i16, effect: Effect) -> bool {
        let slot = usize::try_from(id).ok().and_then(|id| self.slots.get_mut(id));
        let Some(slot) = slot else { return false };
        let played = slot.as_ref().and_then(|slot| slot.played);
        *slot = Some(Slot {
            owner: KERNEL,
            effect,
            played,
        });
        true
    }

    /// Forgets an effect, and stops it.
    ///
    /// # Errors
    /// As for [`Self::upload`].
    pub(crate) fn erase(&mut self, owner: u64, id: i16) -> Result<(), Errno> {
        self.own(owner, id)?;
        if let Some(slot) = usize::try_from(id).ok().and_then(|id| self.slots.get_mut(id)) {
            *slot = None;
        }
        Ok(())
    }

    /// Whoever uploaded is gone, and what it uploaded with it.
    pub(crate) fn forget(&mut self, owner: u64) {
        for slot in &mut self.slots {
            slot.take_if(|slot| slot.owner == owner);
        }
    }

    /// Forgets everything: what was told is over.
    pub(crate) fn clear(&mut self) {
        self.slots = Default::default();
        self.damping = 0;
    }

    /// Plays the effect `id` so many times, or stops it with 0. A number that is nobody's is ignored, as the kernel does.
    pub(crate) fn play(&mut self, now: Timestamp, id: u16, times: i32) {
        if let Some(Some(slot)) = self.slots.get_mut(usize::from(id)) {
            slot.played = u32::try_from(times).ok().filter(|n| *n > 0).map(|n| (now, n));
        }
    }

    /// How strong everything is, 65535 being as it was uploaded.
    pub(crate) const fn set_gain(&mut self, gain: u16) {
        self.damping = u16::MAX - gain;
    }

    /// What the gamepad is to do now, if that is something else than it does, or would end too early.
    pub(crate) fn poll(&mut self, now: Timestamp, pad: u8) -> Option<Rumble> {
        if self.due().is_none_or(|at| now < at) {
            return None;
        }
        let level = self.level(now);
        let again = level != (0, 0) && now >= self.told_at + RENEW;
        if level == self.told && !again {
            return None;
        }
        (self.told, self.told_at) = (level, now);
        Some(Rumble {
            pad,
            strong: level.0,
            weak: level.1,
            duration: DURATION_MAX,
        })
    }

    /// When to ask [`Self::poll`] again, without a call that changes something.
    pub(crate) fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        let edges = self.slots.iter().flatten().flat_map(Slot::edges);
        let edge = edges.filter(|at| *at > now).min();
        let renewal = (self.told != (0, 0)).then(|| self.told_at + RENEW);
        let pending = (self.level(now) != self.told).then(|| self.told_at + GAP);
        [edge, renewal, pending].into_iter().flatten().min()
    }

    /// When something may be told again; nothing while there is nothing to tell and nothing runs.
    fn due(&self) -> Option<Timestamp> {
        let runs = self.told != (0, 0) || self.slots.iter().flatten().any(|slot| slot.played.is_some());
        runs.then(|| {
            if self.told_at == Timestamp::default() {
                self.told_at
            } else {
                self.told_at + GAP
            }
        })
    }

    fn level(&self, now: Timestamp) -> (u16, u16) {
        let playing = self.slots.iter().flatten().filter(|slot| slot.is_playing(now));
        let sum = playing.fold((0_u16, 0_u16), |(strong, weak), slot| {
            (
                strong.saturating_add(slot.effect.strong),
                weak.saturating_add(slot.effect.weak),
            )
        });
        let gain = u32::from(u16::MAX - self.damping);
        let damped =
            |level: u16| u16::try_from(u32::from(level) * gain / u32::from(u16::MAX)).unwrap_or(u16::MAX);
        (damped(sum.0), damped(sum.1))
    }

    fn own(&mut self, owner: u64, id: i16) -> Result<&mut Slot, Errno> {
        let slot = usize::try_from(id).ok().and_then(|id| self.slots.get_mut(id));
        let slot = slot.and_then(Option::as_mut).ok_or(Errno::EINVAL)?;
        if slot.owner == owner {
            Ok(slot)
        } else {
            Err(Errno::EACCES)
        }
    }
}

impl Slot {
    /// When it begins and ends, if it is played.
    fn edges(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let begin = self.played.map(|(at, _)| at + self.effect.delay);
        let end = self.end();
        begin.into_iter().chain(end)
    }

    /// `None`: it goes on for ever, or is not played.
    fn end(&self) -> Option<Timestamp> {
        let (at, times) = self.played?;
        if self.effect.length == Micros::default() {
            return None;
        }
        let round = self.effect.delay + self.effect.length;
        Some(at + round.scale(times.into(), 1))
    }

    fn is_playing(&self, now: Timestamp) -> bool {
        let Some((at, _)) = self.played else { return false };
        if self.end().is_some_and(|end| now >= end) {
            return false;
        }
        let round = (self.effect.delay + self.effect.length).as_micros();
        let since = now.since(at).as_micros();
        let within = if self.effect.length == Micros::default() {
            since
        } else {
            since % round.max(1)
        };
        within >= self.effect.delay.as_micros()
    }
}

/// As many as `xpad` has.
pub(crate) const EFFECTS_MAX: usize = 16;
/// `sizeof (struct ff_effect)` in 64-bit programs.
pub(crate) const FF_EFFECT_BYTES: usize = 48;
/// A motor takes some 20 ms to follow: what changes faster is not felt, and not sent.
const GAP: Micros = Micros::from_millis(20);
/// What is told lasts this long at most, so that a line that breaks leaves no motor running,
const DURATION_MAX: Micros = Micros::from_secs(2);
/// and what lasts longer is told again in time.
const RENEW: Micros = Micros::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000 + n * 1_000)
    }

    /// A rumble effect as a program writes it.
    fn rumble(id: i16, strong: u16, weak: u16, length: u16, delay: u16) -> [u8; FF_EFFECT_BYTES] {
        let mut bytes = [0; FF_EFFECT_BYTES];
        for (at, value) in [
            (0, FF_RUMBLE),
            (2, id.cast_unsigned()),
            (10, length),
            (12, delay),
            (16, strong),
            (18, weak),
        ] {
            bytes[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        bytes
    }

    fn upload(effects: &mut Effects, strong: u16, weak: u16, length: u16, delay: u16) -> u16 {
        let (id, effect) = Effect::parse(&rumble(-1, strong, weak, length, delay)).unwrap();
        effects.upload(1, id, effect).unwrap().cast_unsigned()
    }

    fn levels(rumble: Option<Rumble>) -> Option<(u16, u16)> {
        rumble.map(|rumble| (rumble.strong, rumble.weak))
    }

    #[test]
    fn an_effect_begins_after_its_delay_and_ends_by_itself() {
        let mut effects = Effects::default();
        let id = upload(&mut effects, 40_000, 100, 300, 50);
        assert_eq!(
            (effects.poll(ms(0), 2), effects.poll_timeout(ms(0))),
            (None, None)
        );
        effects.play(ms(0), id, 1);
        assert_eq!(effects.poll(ms(0), 2), None);
        assert_eq!(effects.poll_timeout(ms(0)), Some(ms(50)));
        let told = effects.poll(ms(50), 2).unwrap();
        assert_eq!((told.pad, told.strong, told.weak), (2, 40_000, 100));
        assert_eq!(effects.poll_timeout(ms(50)), Some(ms(350)));
        assert_eq!(levels(effects.poll(ms(350), 2)), Some((0, 0)));
        assert_eq!(effects.poll_timeout(ms(350)), None);
    }

    #[test]
    fn effects_add_up_and_the_gain_damps_them() {
        let mut effects = Effects::default();
        let one = upload(&mut effects, 40_000, 0, 0, 0);
        let two = upload(&mut effects, 40_000, 1_000, 0, 0);
        effects.play(ms(0), one, 1);
        assert_eq!(levels(effects.poll(ms(0), 0)), Some((40_000, 0)));
        effects.play(ms(30), two, 1);
        assert_eq!(levels(effects.poll(ms(30), 0)), Some((65_535, 1_000)));
        effects.set_gain(0x8000);
        assert_eq!(levels(effects.poll(ms(60), 0)), Some((32_768, 500)));
        effects.play(ms(90), one, 0);
        effects.play(ms(90), two, 0);
        assert_eq!(levels(effects.poll(ms(90), 0)), Some((0, 0)));
    }

    #[test]
    fn what_goes_on_is_told_again_before_it_would_end() {
        let mut effects = Effects::default();
        let id = upload(&mut effects, 1, 1, 0, 0);
        effects.play(ms(0), id, 1);
        for second in 0..5 {
            let at = ms(second * 1_000);
            assert!(effects.poll(at, 0).is_some_and(|told| told.duration > RENEW));
            assert_eq!(effects.poll_timeout(at), Some(at + RENEW));
        }
    }

    #[test]
    fn what_changes_faster_than_a_motor_waits_and_is_told_once() {
        let mut effects = Effects::default();
        let id = upload(&mut effects, 9, 9, 0, 0);
        effects.play(ms(0), id, 1);
        assert!(effects.poll(ms(0), 0).is_some());
        for n in 1..20 {
            effects.play(ms(n), id, i32::from(n % 2 == 0));
            assert_eq!(effects.poll(ms(n), 0), None);
        }
        assert_eq!(effects.poll_timeout(ms(19)), Some(ms(20)));
        assert_eq!(levels(effects.poll(ms(20), 0)), Some((0, 0)));
    }

    #[test]
    fn a_repeated_effect_pauses_for_its_delay_each_time() {
        let mut effects = Effects::default();
        let id = upload(&mut effects, 7, 7, 100, 100);
        effects.play(ms(0), id, 2);
        let playing = |at| effects.level(ms(at)) != (0, 0);
        assert_eq!(
            [50, 150, 250, 350, 450].map(playing),
            [false, true, false, true, false]
        );
    }

    #[test]
    fn effects_are_bounded_and_belong_to_who_uploaded_them() {
        let mut effects = Effects::default();
        let ids: Vec<u16> = (0..16).map(|_| upload(&mut effects, 5, 5, 0, 0)).collect();
        let (_, effect) = Effect::parse(&rumble(-1, 1, 1, 0, 0)).unwrap();
        assert_eq!(effects.upload(1, -1, effect), Err(Errno::ENOSPC));
        assert_eq!(effects.upload(2, 3, effect), Err(Errno::EACCES));
        assert_eq!(effects.upload(1, 99, effect), Err(Errno::EINVAL));
        assert_eq!(effects.erase(1, -7), Err(Errno::EINVAL));
        assert_eq!(effects.upload(1, 3, effect), Ok(3));
        effects.play(ms(0), ids[0], 1);
        assert!(effects.poll(ms(0), 0).is_some());
        effects.forget(1);
        assert_eq!(levels(effects.poll(ms(40), 0)), Some((0, 0)));
        assert_eq!(Effect::parse(&[0; FF_EFFECT_BYTES]), Err(Errno::EINVAL));
    }
}
