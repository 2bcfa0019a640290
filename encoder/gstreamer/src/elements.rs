//! What is known of each element: a table, best first.

use firstlight_encoder::Codec;

/// An element and how it is set for one picture in, one out.
#[derive(Debug)]
pub struct Element {
    /// What this engine calls it: on a command line, in reports, in `firstlight doctor`.
    pub word: &'static str,
    /// GStreamer's name of it.
    pub factory: &'static str,
    /// What it encodes to.
    pub codec: Codec,
    /// It is a part of the machine's hardware, of which there may be few; else it takes the processor's time.
    pub hardware: bool,
    /// What it takes: I420, or NV12.
    pub interleaved: bool,
    /// Elements between the source and it.
    pub before: &'static [&'static str],
    /// Without these it is not used: a picture would be kept back, or an IDR would come by itself.
    pub must: &'static [Knob],
    /// Better with these; versions differ in which they have.
    pub may: &'static [Knob],
    /// How it is told its rate while it runs.
    pub rate: RateKnob,
    /// It takes no wish for an IDR, and is opened anew for one.
    pub reopens: bool,
    /// Where it is installed from on Debian, for whoever lacks it.
    pub package: &'static str,
}

/// A property, and what it is set to.
#[derive(Debug)]
pub struct Knob(pub &'static str, pub Value);

/// What a property is set to.
#[derive(Debug)]
pub enum Value {
    /// This.
    Is(&'static str),
    /// The threads that may work on one picture.
    Threads,
    /// The time of one picture, in milliseconds, rounded up.
    FrameMs,
    /// By the preset: fastest, fast.
    Preset(&'static str, &'static str),
}

/// How an element is told its rate.
#[derive(Debug)]
pub enum RateKnob {
    /// A property in kbit/s, and perhaps one for the size of the VBV in kbit.
    Kbps(&'static str, Option<&'static str>),
    /// A property in bit/s, of a rate control without a VBV: it comes to what it is asked for.
    Bps(&'static str),
    /// The control `video_bitrate` of a V4L2 device, through `extra-controls`, with these others.
    Controls(&'static str),
}

use Value::{FrameMs, Is, Preset, Threads};

/// All that are known. Those of the hardware first; of two for the same hardware the one that is maintained.
pub static ELEMENTS: &[Element] = &[
    Element {
        word: "gst-vah264enc",
        factory: "vah264enc",
        must: &[
            Knob("rate-control", Is("cbr")),
            Knob("b-frames", Is("0")),
            // As rare as it allows: it knows no endless GOP.
            Knob("key-int-max", Is("1024")),
        ],
        may: VA_MAY,
        rate: RateKnob::Kbps("bitrate", Some("cpb-size")),
        package: "gstreamer1.0-plugins-bad and the VA-API driver (intel-media-va-driver, mesa-va-drivers)",
        ..HARDWARE
    },
    Element {
        word: "gst-vah264lpenc",
        factory: "vah264lpenc",
        must: &[
            Knob("rate-control", Is("cbr")),
            Knob("b-frames", Is("0")),
            Knob("key-int-max", Is("1024")),
        ],
        may: VA_MAY,
        rate: RateKnob::Kbps("bitrate", Some("cpb-size")),
        package: "gstreamer1.0-plugins-bad and intel-media-va-driver",
        ..HARDWARE
    },
    Element {
        word: "gst-qsvh264enc",
        factory: "qsvh264enc",
        must: &[
            Knob("rate-control", Is("cbr")),
            Knob("b-frames", Is("0")),
            Knob("gop-size", Is("0")),
            Knob("low-latency", Is("true")),
        ],
        may: &[Knob("target-usage", Is("7")), Knob("ref-frames", Is("1"))],
        rate: RateKnob::Kbps("bitrate", None),
        package: "gstreamer1.0-plugins-bad and libmfx1 or libvpl2",
        ..HARDWARE
    },
    Element {
        word: "gst-vaapih264enc",
        factory: "vaapih264enc",
        must: &[
            Knob("rate-control", Is("cbr")),
            Knob("max-bframes", Is("0")),
            Knob("keyframe-period", Is("2147483647")),
        ],
        may: &[
            Knob("quality-level", Is("7")),
            Knob("refs", Is("1")),
            Knob("cpb-length", FrameMs),
        ],
        rate: RateKnob::Kbps("bitrate", None),
        package: "gstreamer1.0-vaapi",
        ..HARDWARE
    },
    Element {
        word: "gst-nvv4l2h264enc",
        factory: "nvv4l2h264enc",
        before: &["nvvidconv"],
        must: &[
            Knob("control-rate", Is("1")),
            Knob("insert-sps-pps", Is("true")),
            Knob("iframeinterval", Is("4294967295")),
            Knob("idrinterval", Is("4294967295")),
        ],
        may: &[
            Knob("maxperf-enable", Is("true")),
            Knob("preset-level", Is("1")),
            Knob("num-B-Frames", Is("0")),
            Knob("num-Ref-Frames", Is("1")),
        ],
        rate: RateKnob::Bps("bitrate"),
        package: "nvidia-l4t-gstreamer (a Jetson)",
        ..HARDWARE
    },
    Element {
        word: "gst-nvh264enc",
        factory: "nvh264enc",
        must: &[
            Knob("rc-mode", Is("cbr")),
            Knob("zerolatency", Is("true")),
            Knob("gop-size", Is("-1")),
        ],
        may: &[
            Knob("preset", Is("low-latency-hp")),
            Knob("bframes", Is("0")),
            Knob("rc-lookahead", Is("0")),
            Knob("aud", Is("false")),
        ],
        rate: RateKnob::Kbps("bitrate", Some("vbv-buffer-size")),
        package: "gstreamer1.0-plugins-bad and NVIDIA's driver",
        ..HARDWARE
    },
    Element {
        word: "gst-v4l2h264enc",
        factory: "v4l2h264enc",
        must: &[],
        may: &[],
        rate: RateKnob::Controls(
            "repeat_sequence_header=1,video_bitrate_mode=1,video_b_frames=0,h264_i_frame_period=2147483647",
        ),
        package: "gstreamer1.0-plugins-good and a device /dev/video* that encodes",
        ..HARDWARE
    },
    Element {
        word: "gst-x264enc",
        factory: "x264enc",
        hardware: false,
        interleaved: false,
        must: &[
            Knob("tune", Is("zerolatency")),
            Knob("bframes", Is("0")),
            Knob("rc-lookahead", Is("0")),
            Knob("key-int-max", Is("2147483647")),
            Knob("option-string", Is("scenecut=0:force-cfr=1")),
            Knob("vbv-buf-capacity", FrameMs),
            Knob("pass", Is("cbr")),
        ],
        may: &[
            Knob("speed-preset", Preset("ultrafast", "superfast")),
            Knob("threads", Threads),
            Knob("ref", Is("1")),
            Knob("qp-min", Is("12")),
            Knob("aud", Is("false")),
        ],
        rate: RateKnob::Kbps("bitrate", None),
        package: "gstreamer1.0-plugins-ugly",
        ..HARDWARE
    },
    Element {
        word: "gst-openh264enc",
        factory: "openh264enc",
        hardware: false,
        interleaved: false,
        must: &[
            Knob("gop-size", Is("0")),
            Knob("rate-control", Is("bitrate")),
            // A picture that it skips never comes out.
            Knob("enable-frame-skip", Is("false")),
            Knob("scene-change-detection", Is("false")),
        ],
        may: &[
            Knob("complexity", Is("low")),
            Knob("multi-thread", Threads),
            Knob("qp-min", Is("12")),
        ],
        rate: RateKnob::Bps("bitrate"),
        package: "gstreamer1.0-plugins-bad",
        ..HARDWARE
    },
    Element {
        word: "gst-av1enc",
        factory: "av1enc",
        codec: Codec::Av1,
        hardware: false,
        interleaved: false,
        must: &[
            Knob("usage-profile", Is("realtime")),
            Knob("end-usage", Is("cbr")),
            Knob("lag-in-frames", Is("0")),
            Knob("keyframe-mode", Is("disabled")),
        ],
        may: &[
            Knob("cpu-used", Is("10")),
            Knob("threads", Threads),
            Knob("row-mt", Is("true")),
            Knob("tile-columns", Is("1")),
            Knob("min-quantizer", Is("8")),
            Knob("max-quantizer", Is("63")),
            Knob("undershoot-pct", Is("50")),
            Knob("overshoot-pct", Is("50")),
            Knob("buf-sz", Is("200")),
            Knob("buf-initial-sz", Is("100")),
            Knob("buf-optimal-sz", Is("100")),
        ],
        rate: RateKnob::Kbps("target-bitrate", None),
        // GStreamer 1.22 hands libaom no wish for a key frame.
        reopens: true,
        package: "gstreamer1.0-plugins-bad",
        ..HARDWARE
    },
];

const VA_MAY: &[Knob] = &[
    Knob("target-usage", Is("7")),
    Knob("ref-frames", Is("1")),
    Knob("aud", Is("false")),
    Knob("cabac", Is("false")),
    Knob("dct8x8", Is("false")),
];

/// What most have in common.
const HARDWARE: Element = Element {
    word: "",
    factory: "",
    codec: Codec::H264,
    hardware: true,
    interleaved: true,
    before: &[],
    must: &[],
    may: &[],
    rate: RateKnob::Bps(""),
    reopens: false,
    package: "",
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_has_a_word_of_its_own_and_a_place_to_come_from() {
        let words: BTreeSet<&str> = ELEMENTS.iter().map(|element| element.word).collect();
        assert_eq!(words.len(), ELEMENTS.len());
        assert!(
            ELEMENTS
                .iter()
                .all(|e| !e.word.is_empty() && !e.package.is_empty())
        );
    }

    #[test]
    fn hardware_comes_before_the_processor() {
        let kinds: Vec<bool> = ELEMENTS.iter().map(|element| element.hardware).collect();
        assert!(kinds.is_sorted_by(|a, b| a >= b), "{kinds:?}");
    }
}
