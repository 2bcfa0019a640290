//! Measures conversion, comparison and encoding of raw pictures: `measure FILE.bgrx WIDTH HEIGHT KBPS fastest|fast THREADS [OUT.h264]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people")]
use firstlight_encoder::{Config, Encoder, How, Picture, Preset};
use firstlight_units::{Bitrate, FrameId};
use std::io::Write;
use std::time::Instant;

fn cpu() -> f64 {
    // SAFETY: plain call that fills the struct.
    #[allow(unsafe_code, reason = "no safe wrapper at hand")]
    let u = unsafe {
        let mut u: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut u);
        u
    };
    (u.ru_utime.tv_sec + u.ru_stime.tv_sec) as f64 * 1e3
        + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) as f64 / 1e3
}
fn show(name: &str, v: &mut [f64]) {
    v.sort_by(f64::total_cmp);
    let p = |q: f64| v[((v.len() - 1) as f64 * q) as usize];
    println!(
        "{name:10} p50 {:.3} p95 {:.3} p99 {:.3} max {:.3} min {:.3} n {}",
        p(0.5),
        p(0.95),
        p(0.99),
        p(1.0),
        p(0.0),
        v.len()
    );
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let raw = std::fs::read(&a[1]).unwrap();
    let (w, h): (u16, u16) = (a[2].parse().unwrap(), a[3].parse().unwrap());
    let preset = if a[5] == "fast" {
        Preset::Fast
    } else {
        Preset::Fastest
    };
    let t: u8 = a[6].parse().unwrap();
    let rate = Bitrate::kbps(a[4].parse().unwrap());
    let config = Config::builder()
        .size(w, h)
        .bitrate(rate)
        .preset(preset)
        .threads(t)
        .build()
        .unwrap();
    let t0 = Instant::now();
    let mut e = Encoder::open(config).unwrap();
    println!(
        "open {:.2} ms, codec {}",
        t0.elapsed().as_secs_f64() * 1e3,
        e.codec()
    );
    let mut out = a.get(7).map(|p| std::fs::File::create(p).unwrap());
    let stride = usize::from(w) * 4;
    let (mut load, mut same, mut enc, mut first, mut cpus, mut sizes) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    let mut qps = 0.0;
    for (i, frame) in raw.chunks_exact(stride * usize::from(h)).enumerate() {
        let t = Instant::now();
        e.load(Picture { bgrx: frame, stride }).unwrap();
        load.push(t.elapsed().as_secs_f64() * 1e3);
        let t = Instant::now();
        e.load(Picture { bgrx: frame, stride }).unwrap();
        same.push(t.elapsed().as_secs_f64() * 1e3);
        let (t, c) = (Instant::now(), cpu());
        let mut f = None;
        let mut bytes = Vec::new();
        let au = e
            .encode(FrameId::new(i as u64 + 1), How::default(), &mut |u| {
                f.get_or_insert(t.elapsed());
                bytes.extend_from_slice(u.nals);
            })
            .unwrap();
        enc.push(t.elapsed().as_secs_f64() * 1e3);
        cpus.push(cpu() - c);
        first.push(f.unwrap().as_secs_f64() * 1e3);
        sizes.push(au.bytes.as_u64() as f64);
        qps += f64::from(au.qp);
        if let Some(o) = &mut out {
            o.write_all(&bytes).unwrap();
        }
    }
    let mut still = firstlight_encoder::still::Still::new(&config);
    let at = firstlight_units::Timestamp::from_micros;
    let last = firstlight_encoder::AccessUnit {
        idr: false,
        bytes: 15_000usize.into(),
        qp: (qps / sizes.len() as f64) as u8,
        reference: FrameId::new(1),
    };
    still.on_changed(at(0), &last, rate);
    let (mut frame, mut total, mut steps) = (sizes.len() as u64, 0, 0);
    while let Some(now) = still.poll_timeout() {
        frame += 1;
        let mut bytes = Vec::new();
        let refine = still.poll(now);
        let au = e
            .encode(FrameId::new(frame), How { idr: false, refine }, &mut |u| {
                bytes.extend_from_slice(u.nals)
            })
            .unwrap();
        if std::env::var("STEPS").is_ok() {
            println!("still {now:?} {refine:?} {au:?}");
        }
        if let Some(o) = &mut out {
            o.write_all(&bytes).unwrap();
        }
        (total, steps) = (total + bytes.len(), steps + 1);
        still.on_refined(now, &au, rate);
        if still.poll_timeout().is_none() {
            println!("still: {steps} steps, {total} bytes, at {now:?}");
        }
    }
    let n = sizes.len() as f64;
    println!(
        "produced {:.2} Mbit/s at 60 fps, mean qp {:.1}, cpu {:.2} ms/frame",
        sizes.iter().sum::<f64>() * 8.0 * 60.0 / n / 1e6,
        qps / n,
        cpus.iter().sum::<f64>() / n
    );
    show("load", &mut load);
    show("same", &mut same);
    show("encode", &mut enc);
    show("1st unit", &mut first);
    show("bytes", &mut sizes);
}
