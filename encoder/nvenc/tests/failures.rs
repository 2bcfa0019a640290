//! Each way in which a driver fails, and that nothing is left behind: against the double.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{AccessUnit, Config, Encoder, How, Picture, Scale};
use firstlight_nvenc::{Codec, Driver, Error, Input, Nvenc, Options, free_sessions, probe};
use firstlight_nvenc_double::Folder;
use firstlight_units::{Bitrate, FrameId};
use std::sync::Arc;
use std::time::{Duration, Instant};

const WIDTH: u16 = 320;
const HEIGHT: u16 = 192;

fn driver(control: &str) -> (Folder, Arc<Driver>) {
    let folder = Folder::new().unwrap();
    folder.control(control).unwrap();
    let driver = Driver::open_in(folder.path()).unwrap();
    (folder, driver)
}

fn config() -> Config {
    Config::builder().size(WIDTH, HEIGHT).build().unwrap()
}

fn open(driver: &Arc<Driver>, options: Options) -> Result<Encoder, Error> {
    let nvenc = Nvenc::open(driver, &config(), options)?;
    Ok(Encoder::with_backend(config(), Box::new(nvenc)))
}

fn code(encoder: &mut Encoder, frame: u64, how: How) -> Result<AccessUnit, firstlight_encoder::Error> {
    let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
    let shade = |i: usize| (i % width + i / width * 3 + usize::try_from(frame).unwrap() * 5).to_le_bytes()[0];
    let bgrx: Vec<u8> = (0..width * height)
        .flat_map(|i| [shade(i), shade(i / 2), 90, 0])
        .collect();
    encoder.load(Picture {
        bgrx: &bgrx,
        stride: width * 4,
    })?;
    encoder.encode(FrameId::new(frame), how, &mut |_| {})
}

#[test]
fn a_machine_without_the_driver_is_told_in_one_line() {
    let empty = tempfile::tempdir().unwrap();
    let error = Driver::open_in(empty.path()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Library {
                library: "libcuda.so.1",
                ..
            }
        ),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.starts_with("libcuda.so.1 cannot be opened") && !words.contains('\n'),
        "{words}"
    );
}

#[test]
fn half_a_driver_is_none() {
    let folder = Folder::new().unwrap();
    std::fs::remove_file(folder.path().join("libcuda.so.1")).unwrap();
    std::fs::rename(
        folder.path().join("libnvidia-encode.so.1"),
        folder.path().join("libcuda.so.1"),
    )
    .unwrap();
    let error = Driver::open_in(folder.path()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Library {
                library: "libnvidia-encode.so.1",
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_driver_that_is_too_old_is_refused() {
    let folder = Folder::new().unwrap();
    folder.control("api = 11.0").unwrap();
    let error = Driver::open_in(folder.path()).unwrap_err();
    assert_eq!(error, Error::Version { major: 11, minor: 0 });
}

#[test]
fn a_machine_without_a_gpu_says_so() {
    let folder = Folder::new().unwrap();
    folder.control("devices = 0").unwrap();
    assert_eq!(Driver::open_in(folder.path()).unwrap_err(), Error::NoDevice);
}

#[test]
fn a_gpu_without_an_engine_says_so_with_its_name() {
    let (folder, driver) = driver("engine = none");
    let error = probe(&driver).unwrap_err();
    assert!(matches!(error, Error::NoEngine { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("Firstlight NVENC double has no engine that encodes"),
        "{error}"
    );
    assert_eq!(open(&driver, Options::default()).unwrap_err(), error);
    assert_eq!(folder.report(), "");
}

#[test]
fn a_card_says_what_it_can() {
    let (folder, driver) = driver("");
    let found = probe(&driver).unwrap();
    assert_eq!((found.len(), found[0].codecs.as_slice()), (1, &[Codec::H264][..]));
    assert!(found[0].abilities.invalidation && !found[0].abilities.ten_bits);
    let words = found[0].words();
    assert_eq!(
        words,
        "Firstlight NVENC double encodes H.264 up to 4096x4096 with reference invalidation, intra refresh"
    );
    assert_eq!(folder.report(), "");
}

#[test]
fn a_full_card_says_so_and_takes_the_next_when_one_has_gone() {
    let (folder, driver) = driver("sessions = 2");
    assert_eq!(free_sessions(&driver, 0, 8).unwrap(), 2);
    let first = open(&driver, Options::default()).unwrap();
    assert_eq!(free_sessions(&driver, 0, 8).unwrap(), 1);
    let second = open(&driver, Options::default()).unwrap();
    let error = open(&driver, Options::default()).unwrap_err();
    assert!(matches!(error, Error::OutOfSessions { .. }), "{error:?}");
    assert_eq!(free_sessions(&driver, 0, 8).unwrap(), 0);
    drop(second);
    let third = open(&driver, Options::default());
    assert!(third.is_ok(), "{third:?}");
    drop((first, third));
    assert_eq!(folder.report(), "");
}

#[test]
fn a_card_that_is_lost_is_an_error_with_the_drivers_words() {
    let (folder, driver) = driver("lost_after = 3");
    let mut encoder = open(&driver, Options::default()).unwrap();
    for frame in 1..=3 {
        code(&mut encoder, frame, How::default()).unwrap();
    }
    let error = code(&mut encoder, 4, How::default()).unwrap_err();
    assert!(
        matches!(error, firstlight_encoder::Error::Failed { backend: "NVENC", .. }),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.contains("NV_ENC_ERR_DEVICE_NOT_EXIST") && words.contains("fallen off the bus"),
        "{words}"
    );
    assert!(encoder.set_bitrate(Bitrate::mbps(2)).is_err());
    assert!(encoder.invalidate(FrameId::new(2)).is_err());
    drop(encoder);
    assert_eq!(folder.report(), "", "closing what is lost breaks no rule");
}

#[test]
fn a_card_that_is_lost_opens_nothing() {
    let (_folder, driver) = driver("lost = yes");
    let error = open(&driver, Options::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Cuda {
                call: "cuCtxCreate",
                code: 999,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_slow_card_is_waited_for() {
    let (_folder, driver) = driver("slow_ms = 30");
    let mut encoder = open(&driver, Options::default()).unwrap();
    let began = Instant::now();
    code(&mut encoder, 1, How::default()).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(30));
}

#[test]
fn a_card_without_a_needed_ability_is_refused_by_name() {
    for (lacks, word) in [(20, "bitrate"), (26, "one frame's time")] {
        let (folder, driver) = driver(&format!("lacks = {lacks}"));
        let error = open(&driver, Options::default()).unwrap_err();
        assert!(
            matches!(error, Error::Lacks(what) if what.contains(word)),
            "{error:?}"
        );
        assert_eq!(folder.report(), "");
    }
}

#[test]
fn a_card_that_cannot_invalidate_makes_an_idr_instead() {
    let (folder, driver) = driver("lacks = 28");
    let mut encoder = open(&driver, Options::default()).unwrap();
    assert!(!encoder.abilities().recovers);
    for frame in 1..=5 {
        code(&mut encoder, frame, How::default()).unwrap();
    }
    assert_eq!(encoder.invalidate(FrameId::new(5)), Ok(false));
    assert!(code(&mut encoder, 6, How::default()).unwrap().idr);
    assert!(!code(&mut encoder, 7, How::default()).unwrap().idr);
    drop(encoder);
    assert_eq!(folder.report(), "");
}

#[test]
fn a_card_that_cannot_change_its_size_is_opened_anew() {
    let (folder, driver) = driver("lacks = 19");
    let mut encoder = open(&driver, Options::default()).unwrap();
    code(&mut encoder, 1, How::default()).unwrap();
    encoder.set_scale(Scale::ThreeQuarters).unwrap();
    assert!(code(&mut encoder, 2, How::default()).unwrap().idr);
    drop(encoder);
    assert_eq!(folder.report(), "");
    assert_eq!(folder.log().lines().filter(|line| *line == "open").count(), 2);
}

#[test]
fn pictures_below_what_the_card_codes_are_refused() {
    let (_folder, driver) = driver("");
    let small = Config::builder().size(64, 48).build().unwrap();
    let error = Nvenc::open(&driver, &small, Options::default()).unwrap_err();
    assert!(matches!(error, Error::Lacks(_)), "{error:?}");
}

/// Everything a stream does, on both ways to the card: no rule is broken, and whatever was opened is closed.
#[test]
fn nothing_is_left_behind() {
    for input in [Input::Locked, Input::Registered] {
        let (folder, driver) = driver("");
        let options = Options {
            input,
            ..Options::default()
        };
        let mut encoder = open(&driver, options).unwrap();
        for frame in 1..=30 {
            let idr = frame == 20;
            if frame == 8 {
                encoder.set_bitrate(Bitrate::mbps(2)).unwrap();
            }
            if frame == 12 {
                assert_eq!(encoder.invalidate(FrameId::new(10)), Ok(true));
            }
            if frame == 25 {
                encoder.set_scale(Scale::ThreeQuarters).unwrap();
            }
            let unit = code(
                &mut encoder,
                frame,
                How {
                    idr,
                    ..How::default()
                },
            )
            .unwrap();
            assert_eq!(unit.idr, matches!(frame, 1 | 20 | 25), "frame {frame}");
            let needed = match frame {
                1 | 20 | 25 => frame,
                12 => 9,
                _ => frame - 1,
            };
            assert_eq!(unit.reference, FrameId::new(needed));
        }
        drop(encoder);
        assert_eq!(folder.report(), "", "{input:?}");
        let count = |what: &str| folder.log().lines().filter(|line| *line == what).count();
        assert_eq!((count("open"), count("close")), (1, 1));
    }
}

#[test]
fn intra_refresh_needs_no_idr() {
    let (folder, driver) = driver("");
    let options = Options {
        intra_refresh: 30,
        ..Options::default()
    };
    let mut encoder = open(&driver, options).unwrap();
    for frame in 1..=70 {
        assert_eq!(code(&mut encoder, frame, How::default()).unwrap().idr, frame == 1);
    }
    drop(encoder);
    assert_eq!(folder.report(), "");
}
