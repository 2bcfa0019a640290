//! What a gamepad's device answers to an app's ioctl, as the kernel's evdev and joydev do: the request in, bytes out.
//!
//! Pure. A request is made of what `asm-generic/ioctl.h` packs into it: direction, size, type and number; the size is the app's, and no
//! answer is longer.

use super::effects::{EFFECTS_MAX, Effect, Effects, FF_EFFECT_BYTES};
use super::model::{
    self, AXES, EV_ABS, EV_FF, EV_KEY, EV_SYN, FF_GAIN, FF_PERIODIC, FF_RUMBLE, FF_WAVES, ID, KEYS, NAME,
    PadState,
};
use nix::errno::Errno;
use nix::time::ClockId;

/// Which of a pad's two devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// `event0` …
    Event,
    /// `js0` …
    Joystick,
}

/// What an app has opened: the part of it that its requests change.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Tells it from every other.
    pub(crate) cookie: u64,
    pub(crate) device: Device,
    /// The clock of its events' times.
    pub(crate) clock: ClockId,
    /// It wants its events to itself.
    pub(crate) grabs: bool,
}

/// An app's request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// As the app gives it.
    pub(crate) number: u32,
    /// An argument that is a number.
    pub(crate) value: u64,
    /// What an argument that is an address leads to, as far as the request reads it: 48 bytes at most.
    pub(crate) input: [u8; FF_EFFECT_BYTES],
}

/// The value that `ioctl` returns, and what it writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) value: i32,
    pub(crate) output: Vec<u8>,
}

/// What is asked, of a pad in this state.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) pad: u8,
    pub(crate) state: &'a PadState,
    pub(crate) effects: &'a mut Effects,
    pub(crate) opened: &'a mut Opened,
    /// Another has the events to itself.
    pub(crate) grabbed: bool,
}

impl Asked<'_> {
    /// Answers.
    ///
    /// # Errors
    /// The kernel's own for the same request.
    pub(crate) fn answer(&mut self, request: &Request) -> Result<Answer, Errno> {
        let number = request.number;
        let size = usize::try_from(number >> 16 & 0x3fff).unwrap_or(0);
        match (self.opened.device, number >> 8 & 0xff) {
            (Device::Event, EVENT_TYPE) => self.event(number & 0xff, size, request),
            (Device::Joystick, JOYSTICK_TYPE) => self.joystick(number & 0xff, size),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn event(&mut self, number: u32, size: usize, request: &Request) -> Result<Answer, Errno> {
        let integer = i32::from_ne_bytes(request.input.first_chunk().copied().unwrap_or_default());
        match number {
            0x01 => Ok(exactly(&EVDEV_VERSION.to_ne_bytes())),
            0x02 => Ok(exactly(&ID.map(u16::to_ne_bytes).concat())),
            0x06 => Ok(text(NAME, size)),
            0x07 => Ok(text(&format!("firstlight/pad{}", self.pad), size)),
            0x08 => Err(Errno::ENOENT),
            // Properties, and lights, sounds and switches that are on: it has none.
            0x09 | 0x19..=0x1b => Ok(bits(&[], 8, size)),
            0x18 => {
                let down = KEYS.into_iter().filter(|code| model::key(self.state, *code) != 0);
                Ok(bits(&down.collect::<Vec<_>>(), KEY_BYTES, size))
            }
            0x20..=0x3f => supported(number - 0x20, size),
            0x40..=0x7f => Ok(exactly(&self.axis(number - 0x40))),
            0x80 => self.upload(&request.input),
            0x81 => {
                let id = i16::try_from(request.value.cast_signed()).map_err(|_| Errno::EINVAL)?;
                self.effects
                    .erase(self.opened.cookie, id)
                    .map(|()| Answer::default())
            }
            0x84 => Ok(exactly(&i32::try_from(EFFECTS_MAX).unwrap_or(0).to_ne_bytes())),
            0x90 => self.grab(request.value != 0),
            0xa0 => {
                self.opened.clock = clock(integer)?;
                Ok(Answer::default())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn upload(&mut self, bytes: &[u8; FF_EFFECT_BYTES]) -> Result<Answer, Errno> {
        let (id, effect) = Effect::parse(bytes)?;
        let id = self.effects.upload(self.opened.cookie, id, effect)?;
        // The app reads the number it was given from what it gave.
        let mut output = bytes.to_vec();
        if let Some(place) = output.get_mut(2..4) {
            place.copy_from_slice(&id.to_ne_bytes());
        }
        Ok(Answer { value: 0, output })
    }

    fn grab(&mut self, grabs: bool) -> Result<Answer, Errno> {
        match (grabs, self.opened.grabs) {
            (true, _) if self.grabbed => Err(Errno::EBUSY),
            (true, true) => Err(Errno::EBUSY),
            (false, false) => Err(Errno::EINVAL),
            _ => {
                self.opened.grabs = grabs;
                Ok(Answer::default())
            }
        }
    }

    /// A `struct input_absinfo`: value, minimum, maximum, fuzz, flat, resolution.
    fn axis(&self, code: u32) -> Vec<u8> {
        let axis = AXES.iter().find(|axis| u32::from(axis.code) == code);
        let fields = axis.map_or([0; 6], |axis| {
            [
                model::place(self.state, axis.code),
                axis.min,
                axis.max,
                axis.fuzz,
                axis.flat,
                0,
            ]
        });
        fields.map(i32::to_ne_bytes).concat()
    }

    fn joystick(&self, number: u32, size: usize) -> Result<Answer, Errno> {
        let count = |n: usize| [u8::try_from(n).unwrap_or(u8::MAX)];
        match number {
            0x01 => Ok(exactly(&JOYSTICK_VERSION.to_ne_bytes())),
            0x11 => Ok(exactly(&count(AXES.len()))),
            0x12 => Ok(exactly(&count(KEYS.len()))),
            0x13 => Ok(text(NAME, size)),
            0x32 => {
                let codes = AXES.map(|axis| u8::try_from(axis.code).unwrap_or(0));
                Ok(cut(padded(codes.to_vec(), AXIS_MAP_BYTES), size))
            }
            0x34 => {
                let codes = KEYS.map(u16::to_ne_bytes).concat();
                Ok(cut(padded(codes, KEY_MAP_BYTES), size))
            }
            // Corrections and maps of the app's own: the axes need none.
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What of the event type `kind` the pad has; for type 0, which types.
fn supported(kind: u32, size: usize) -> Result<Answer, Errno> {
    let kind = u16::try_from(kind).unwrap_or(u16::MAX);
    let mut codes: Vec<u16> = Vec::new();
    let room = match kind {
        EV_SYN => {
            codes.extend([EV_SYN, EV_KEY, EV_ABS, EV_FF]);
            8
        }
        EV_KEY => {
            codes.extend(KEYS);
            KEY_BYTES
        }
        EV_ABS => {
            codes.extend(AXES.map(|axis| axis.code));
            8
        }
        EV_FF => {
            codes.extend([FF_RUMBLE, FF_PERIODIC, FF_GAIN]);
            codes.extend(FF_WAVES);
            16
        }
        // Relative axes, miscellany, switches, lights, sounds.
        0x02 | 0x04 | 0x05 | 0x11 | 0x12 => 8,
        _ => return Err(Errno::EINVAL),
    };
    Ok(bits(&codes, room, size))
}

/// `codes` as bits of whole machine words, `room` bytes of them or what the app has room for, whose number is returned.
fn bits(codes: &[u16], room: usize, size: usize) -> Answer {
    let mut output = vec![0; room];
    for code in codes {
        if let Some(byte) = output.get_mut(usize::from(code / 8)) {
            // A machine with the lowest byte first, as all that this runs on are.
            *byte |= 1 << (code % 8);
        }
    }
    cut(output, size)
}

/// Text and its end, as far as it fits; the length of all of it is returned where it fits.
fn text(text: &str, size: usize) -> Answer {
    let mut output = text.as_bytes().to_vec();
    output.push(0);
    cut(output, size)
}

fn padded(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length, 0);
    bytes
}

fn cut(mut output: Vec<u8>, size: usize) -> Answer {
    output.truncate(size);
    let value = i32::try_from(output.len()).unwrap_or(i32::MAX);
    Answer { value, output }
}

fn exactly(bytes: &[u8]) -> Answer {
    Answer {
        value: 0,
        output: bytes.to_vec(),
    }
}

/// The clocks that evdev takes.
fn clock(number: i32) -> Result<ClockId, Errno> {
    let clocks = [
        ClockId::CLOCK_REALTIME,
        ClockId::CLOCK_MONOTONIC,
        ClockId::CLOCK_BOOTTIME,
    ];
    clocks
        .into_iter()
        .find(|clock| clock.as_raw() == number)
        .ok_or(Errno::EINVAL)
}

/// `'E'` of `linux/input.h`, `'j'` of `linux/joystick.h`.
const EVENT_TYPE: u32 = 0x45;
const JOYSTICK_TYPE: u32 = 0x6a;
/// `EV_VERSION` and `JS_VERSION`.
const EVDEV_VERSION: i32 = 0x01_00_01;
const JOYSTICK_VERSION: i32 = 0x02_01_00;
/// `KEY_CNT` bits.
const KEY_BYTES: usize = 0x300 / 8;
/// `ABS_CNT` bytes, and `KEY_MAX - BTN_MISC + 1` numbers.
const AXIS_MAP_BYTES: usize = 0x40;
const KEY_MAP_BYTES: usize = (0x2ff - 0x100 + 1) * 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opened(device: Device) -> Opened {
        Opened {
            cookie: 7,
            device,
            clock: ClockId::CLOCK_REALTIME,
            grabs: false,
        }
    }

    fn ask(opened: &mut Opened, number: u32, value: u64, input: [u8; 48]) -> Result<Answer, Errno> {
        let state = PadState {
            buttons: 1 << 1 | 1 << 14,
            triggers: [0, 9],
            sticks: [-5, 0, 0, 0],
        };
        Asked {
            pad: 1,
            state: &state,
            effects: &mut Effects::default(),
            opened,
            grabbed: false,
        }
        .answer(&Request { number, value, input })
    }

    /// A reading request of this type, number and size.
    const fn reads(kind: u32, number: u32, size: u32) -> u32 {
        2 << 30 | size << 16 | kind << 8 | number
    }

    #[test]
    fn an_app_that_looks_finds_an_xbox_pad() {
        let mut event = opened(Device::Event);
        let mut get = |number, size| ask(&mut event, reads(0x45, number, size), 0, [0; 48]).unwrap();
        assert_eq!(get(0x02, 8).output, [3, 0, 0x5e, 0x04, 0x8e, 0x02, 0x14, 0x01]);
        assert_eq!(get(0x06, 256).value, 24);
        assert_eq!(get(0x06, 10).output, b"Microsoft ");
        assert_eq!(get(0x20, 8).output, [0b1011, 0, 0b10_0000, 0, 0, 0, 0, 0]);
        let keys = get(0x21, 96);
        assert_eq!(keys.output[0x130 / 8], 0b1101_1011);
        assert_eq!(get(0x18, 96).output[0x130 / 8], 0b10, "B is down");
        assert_eq!(get(0x40, 24).output[..4], (-5_i32).to_ne_bytes());
        assert_eq!(get(0x45, 24).output[8..12], 255_i32.to_ne_bytes());
        assert_eq!(get(0x50, 24).output[..4], (-1_i32).to_ne_bytes(), "left");
    }

    #[test]
    fn an_old_program_finds_a_joystick() {
        let mut joystick = opened(Device::Joystick);
        let mut get = |number, size| ask(&mut joystick, reads(0x6a, number, size), 0, [0; 48]).unwrap();
        assert_eq!((get(0x11, 1).output, get(0x12, 1).output), (vec![8], vec![11]));
        assert_eq!(get(0x32, 64).output[..8], [0, 1, 2, 3, 4, 5, 16, 17]);
        assert_eq!(get(0x34, 1_024).output[..4], [0x30, 0x01, 0x31, 0x01]);
        assert_eq!(
            ask(&mut joystick, reads(0x45, 2, 8), 0, [0; 48]),
            Err(Errno::ENOTTY),
            "an event device's request"
        );
    }

    #[test]
    fn events_are_one_s_own_once() {
        let mut event = opened(Device::Event);
        let grab = 1 << 30 | 4 << 16 | 0x45 << 8 | 0x90;
        assert!(ask(&mut event, grab, 1, [0; 48]).is_ok());
        assert_eq!(ask(&mut event, grab, 1, [0; 48]), Err(Errno::EBUSY));
        assert!(ask(&mut event, grab, 0, [0; 48]).is_ok());
        assert_eq!(ask(&mut event, grab, 0, [0; 48]), Err(Errno::EINVAL));
    }

    proptest! {
        #[test]
        fn no_request_makes_it_panic_or_answers_more_than_was_asked(
            number in any::<u32>(),
            kind in prop_oneof![Just(0x45_u32), Just(0x6a), any::<u32>()],
            value in any::<u64>(),
            input in any::<[u8; 32]>(),
            joystick in any::<bool>(),
        ) {
            let number = number & !0xff00 | (kind & 0xff) << 8;
            let size = usize::try_from(number >> 16 & 0x3fff).unwrap();
            let mut opened = opened(if joystick { Device::Joystick } else { Device::Event });
            let mut bytes = [0; 48];
            bytes[..32].copy_from_slice(&input);
            if let Ok(answer) = ask(&mut opened, number, value, bytes) {
                prop_assert!(answer.output.len() <= size.max(48) && answer.output.len() <= 1_024);
                prop_assert!(answer.value >= 0);
            }
        }
    }
}
