//! The mechanism: one buffer in, one buffer out.

use crate::elements::{Element, Knob, RateKnob, Value};
use firstlight_encoder::{Codec, Config, Error, Preset, Surface, rate};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video as video;
use std::fmt;
use std::sync::OnceLock;

/// A running pipeline.
pub(crate) struct Pipeline {
    element: &'static Element,
    pipeline: gst::Pipeline,
    source: AppSrc,
    encoder: gst::Element,
    sink: AppSink,
    layout: video::VideoInfo,
    frame_time: gst::ClockTime,
    pictures: u64,
    /// The buffer of the picture before: used again where nobody holds it any more.
    spare: Option<gst::Buffer>,
}

/// The bytes of one access unit.
pub(crate) type Coded = gst::MappedBuffer<gst::buffer::Readable>;

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("element", &self.element.word)
            .field("pictures", &self.pictures)
            .finish_non_exhaustive()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // An element that does not stop cannot be told otherwise.
        _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The element's maker, where it is installed.
pub(crate) fn factory(element: &Element) -> Result<gst::ElementFactory, Error> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| gst::init().map_err(|error| error.to_string()));
    if let Err(words) = started {
        return Err(unavailable(element, words));
    }
    gst::ElementFactory::find(element.factory)
        .ok_or_else(|| unavailable(element, format!("it is not here (from {})", element.package)))
}

impl Pipeline {
    pub(crate) fn open(element: &'static Element, config: &Config) -> Result<Self, Error> {
        let refused = |words: &dyn fmt::Display| unavailable(element, words);
        let encoder = factory(element)?.create().build().map_err(|e| refused(&e))?;
        let layout = layout(element, config).map_err(|e| refused(&e))?;
        set(element, &encoder, config)?;
        let source = AppSrc::builder()
            .caps(&layout.to_caps().map_err(|e| refused(&e))?)
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(1)
            .build();
        let sink = AppSink::builder()
            .caps(&output(element.codec))
            .sync(false)
            .async_(false)
            .max_buffers(2)
            .build();
        let pipeline = gst::Pipeline::new();
        let mut chain: Vec<gst::Element> = vec![source.clone().upcast()];
        for name in element.before {
            chain.push(gst::ElementFactory::make(name).build().map_err(|e| refused(&e))?);
        }
        chain.extend([encoder.clone(), sink.clone().upcast()]);
        pipeline.add_many(&chain).map_err(|e| refused(&e))?;
        gst::Element::link_many(&chain).map_err(|e| refused(&e))?;
        let opened = Self {
            element,
            pipeline,
            source,
            encoder,
            sink,
            layout,
            frame_time: gst::ClockTime::SECOND / u64::from(config.fps().max(1)),
            // An element may take a timestamp of 0 for none.
            pictures: 1,
            spare: None,
        };
        match opened.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(opened),
            Err(_) => Err(unavailable(element, opened.words())),
        }
    }

    /// Encodes a picture of one grey.
    pub(crate) fn grey(&mut self) -> Result<Coded, Error> {
        let mut buffer = self.buffer()?;
        self.fill(&mut buffer, |plane, rows| {
            let level = if plane == 0 { 16 } else { 128 };
            rows.fill(level);
        })?;
        match self.pass(buffer, FIRST_WAIT) {
            Err(Error::Failed { backend, words }) => Err(Error::Unavailable { backend, words }),
            done => done,
        }
    }

    pub(crate) fn encode(&mut self, surface: &Surface, idr: bool) -> Result<Coded, Error> {
        let mut buffer = self.buffer()?;
        let (luma, chroma) = surface.strides();
        let [y, u, v] = surface.planes();
        let (width, interleaved) = (usize::from(surface.width()), self.element.interleaved);
        let strides: [usize; 3] = std::array::from_fn(|n| {
            usize::try_from(self.layout.stride().get(n).copied().unwrap_or(0)).unwrap_or(0)
        });
        self.fill(&mut buffer, |plane, rows| match plane {
            0 => copy(y, luma, rows, strides[0], width),
            _ if interleaved => weave((u, v), chroma, rows, strides[1]),
            1 => copy(u, chroma, rows, strides[1], width / 2),
            _ => copy(v, chroma, rows, strides[2], width / 2),
        })?;
        if idr {
            let event = video::UpstreamForceKeyUnitEvent::builder()
                .all_headers(true)
                .build();
            let pad = self.encoder.static_pad("src");
            if !pad.is_some_and(|pad| pad.send_event(event)) {
                return Err(self.failed("it does not take the wish for an IDR"));
            }
        }
        self.pass(buffer, WAIT)
    }

    pub(crate) fn set_rate(&self, plan: rate::Plan) -> Result<(), Error> {
        let kilo = |n: u64| n.div_ceil(1000).to_string();
        match self.element.rate {
            RateKnob::Kbps(rate, size) => {
                if let Some(size) = size.filter(|size| self.encoder.find_property(size).is_some()) {
                    tell(
                        self.element,
                        &self.encoder,
                        size,
                        &kilo(plan.cap.as_u64().saturating_mul(8)),
                    )?;
                }
                tell(self.element, &self.encoder, rate, &kilo(plan.asked.as_bps()))
            }
            RateKnob::Bps(rate) => tell(
                self.element,
                &self.encoder,
                rate,
                &plan.target.as_bps().to_string(),
            ),
            RateKnob::Controls(others) => {
                let controls = format!("controls,{others},video_bitrate={}", plan.asked.as_bps());
                tell(self.element, &self.encoder, "extra-controls", &controls)
            }
        }
    }

    fn buffer(&mut self) -> Result<gst::Buffer, Error> {
        let spare = self.spare.take().filter(|buffer| buffer.is_writable());
        match spare {
            Some(buffer) => Ok(buffer),
            None => gst::Buffer::with_size(self.layout.size()).map_err(|e| self.failed(&e.to_string())),
        }
    }

    fn fill(&self, buffer: &mut gst::Buffer, mut write: impl FnMut(u32, &mut [u8])) -> Result<(), Error> {
        let pts = self.frame_time.checked_mul(self.pictures);
        let Some(buffer) = buffer.get_mut() else {
            return Err(self.failed("a buffer is not ours"));
        };
        buffer.set_pts(pts);
        buffer.set_duration(self.frame_time);
        let mut frame = video::VideoFrameRef::from_buffer_ref_writable(buffer, &self.layout)
            .map_err(|e| self.failed(&e.to_string()))?;
        for plane in 0..self.layout.n_planes() {
            let rows = frame
                .plane_data_mut(plane)
                .map_err(|e| self.failed(&e.to_string()))?;
            write(plane, rows);
        }
        Ok(())
    }

    fn pass(&mut self, buffer: gst::Buffer, wait: gst::ClockTime) -> Result<Coded, Error> {
        self.pictures += 1;
        self.spare = Some(buffer.clone());
        self.source
            .push_buffer(buffer)
            .map_err(|_| self.failed(&self.words()))?;
        let sample = self
            .sink
            .try_pull_sample(wait)
            .ok_or_else(|| self.failed(&self.words()))?;
        let coded = sample
            .buffer_owned()
            .ok_or_else(|| self.failed("an access unit without bytes"))?;
        coded
            .into_mapped_buffer_readable()
            .map_err(|_| self.failed("an access unit that cannot be read"))
    }

    /// What the pipeline says of itself.
    fn words(&self) -> String {
        let error = self
            .pipeline
            .bus()
            .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        match error.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => error.error().to_string(),
            _ => "a picture went in and none came out".to_owned(),
        }
    }

    fn failed(&self, words: &str) -> Error {
        Error::Failed {
            backend: self.element.word,
            words: words.to_owned(),
        }
    }
}

fn unavailable(element: &Element, words: impl fmt::Display) -> Error {
    Error::Unavailable {
        backend: element.word,
        words: words.to_string(),
    }
}

/// What goes in: the surface's own colours, in planes.
fn layout(element: &Element, config: &Config) -> Result<video::VideoInfo, gst::glib::BoolError> {
    let format = if element.interleaved {
        video::VideoFormat::Nv12
    } else {
        video::VideoFormat::I420
    };
    let even = |side: u16| u32::from(side.next_multiple_of(2));
    video::VideoInfo::builder(format, even(config.width()), even(config.height()))
        .fps(gst::Fraction::new(i32::from(config.fps()), 1))
        .colorimetry(&video::VideoColorimetry::new(
            video::VideoColorRange::Range16_235,
            video::VideoColorMatrix::Bt709,
            video::VideoTransferFunction::Bt709,
            video::VideoColorPrimaries::Bt709,
        ))
        .build()
}

/// What comes out.
fn output(codec: Codec) -> gst::Caps {
    match codec {
        // Not all of its elements say that they write OBUs; what is read of them shows it.
        Codec::Av1 => gst::Caps::builder("video/x-av1").field("alignment", "tu").build(),
        Codec::H264 => gst::Caps::builder("video/x-h264")
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .field("profile", gst::List::new(["constrained-baseline", "baseline"]))
            .build(),
    }
}

/// Sets what the table says.
fn set(element: &Element, encoder: &gst::Element, config: &Config) -> Result<(), Error> {
    for Knob(property, value) in element.must {
        tell(element, encoder, property, &text(value, config))?;
    }
    for Knob(property, value) in element.may {
        if encoder.find_property(property).is_some() {
            tell(element, encoder, property, &text(value, config))?;
        }
    }
    Ok(())
}

fn text(value: &Value, config: &Config) -> String {
    match (value, config.preset()) {
        (Value::Is(text), _) | (Value::Preset(text, _), Preset::Fastest) | (Value::Preset(_, text), _) => {
            (*text).to_owned()
        }
        (Value::Threads, _) => {
            // Each makes a slice, which is at least a row of blocks.
            u16::from(config.threads())
                .min(config.height().div_ceil(16))
                .to_string()
        }
        (Value::FrameMs, _) => 1000_u16.div_ceil(config.fps().max(1)).to_string(),
    }
}

/// Sets one property, by its text.
fn tell(element: &Element, encoder: &gst::Element, property: &str, text: &str) -> Result<(), Error> {
    let Some(spec) = encoder.find_property(property) else {
        return Err(unavailable(element, format!("it has no property {property}")));
    };
    let value = gst::glib::Value::deserialize_with_pspec(text, &spec)
        .map_err(|_| unavailable(element, format!("its property {property} does not take {text}")))?;
    encoder.set_property_from_value(property, &value);
    Ok(())
}

fn copy(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize, width: usize) {
    let rows = from
        .chunks(from_stride.max(1))
        .zip(to.chunks_mut(to_stride.max(1)));
    for (from, to) in rows {
        for (to, from) in to.iter_mut().zip(from.iter().take(width)) {
            *to = *from;
        }
    }
}

/// Both chroma planes into one.
fn weave((u, v): (&[u8], &[u8]), from_stride: usize, to: &mut [u8], to_stride: usize) {
    let from = u.chunks(from_stride.max(1)).zip(v.chunks(from_stride.max(1)));
    for ((u, v), to) in from.zip(to.chunks_mut(to_stride.max(1))) {
        for (to, (u, v)) in to.chunks_exact_mut(2).zip(u.iter().zip(v)) {
            to.copy_from_slice(&[*u, *v]);
        }
    }
}

/// Drivers and their firmware are loaded with the first picture.
const FIRST_WAIT: gst::ClockTime = gst::ClockTime::from_seconds(5);
/// Far beyond what a busy machine holds a picture up for: an element that is slower has hung.
const WAIT: gst::ClockTime = gst::ClockTime::from_seconds(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_copied_row_by_row_and_woven() {
        let mut to = [9; 8];
        copy(&[1, 2, 0, 0, 3, 4, 0, 0], 4, &mut to, 3, 2);
        assert_eq!(to, [1, 2, 9, 3, 4, 9, 9, 9]);
        let mut to = [9; 8];
        weave((&[1, 2, 0], &[3, 4, 0]), 3, &mut to, 8);
        assert_eq!(to, [1, 3, 2, 4, 0, 0, 9, 9]);
    }
}
