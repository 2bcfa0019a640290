//! WebRTC: offers, trickled candidates, and what a browser reports. What panics in a task of the library is a finding as well.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// An offer, answered with real sockets where it passes the first look; then, after a line of dashes, candidates.
pub(crate) fn offer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (offer, fragment) = text.split_once(CUT).unwrap_or((&text, ""));
    if let Err(error) = firstlight_rtc::check(offer) {
        assert!(!error.to_string().is_empty());
        return;
    }
    LazyLock::force(&COUNTS_PANICS);
    let before = PANICS.load(Ordering::Relaxed);
    let answered = RUNTIME.block_on(async { tokio::time::timeout(WITHIN, answer(offer, fragment)).await });
    assert!(answered.is_ok(), "it neither answers nor refuses");
    assert_eq!(
        PANICS.load(Ordering::Relaxed),
        before,
        "a task of the library panicked"
    );
}

async fn answer(offer: &str, fragment: &str) {
    let config = firstlight_rtc::Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        has_audio: true,
        ..firstlight_rtc::Config::default()
    };
    let Ok((peer, answer)) = firstlight_rtc::answer(&config, offer).await else {
        return;
    };
    assert!(answer.starts_with("v=0"));
    let trickle = peer.trickle();
    // Refused in words, or of no use.
    drop(trickle.add_candidates(fragment).await);
    trickle.close().await;
}

/// Candidates alone.
pub(crate) fn trickle(bytes: &[u8]) {
    firstlight_rtc::fuzz_trickle(&String::from_utf8_lossy(bytes));
}

/// RTCP as it comes out of SRTP, and what becomes of it.
pub(crate) fn reports(bytes: &[u8]) {
    firstlight_rtc::fuzz_reports(bytes);
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
});
static PANICS: AtomicUsize = AtomicUsize::new(0);
/// A runtime catches what panics in a task.
static COUNTS_PANICS: LazyLock<()> = LazyLock::new(|| {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
});
const CUT: &str = "--------";
/// Without servers to ask, an answer takes milliseconds; on a machine that stands still, seconds.
const WITHIN: Duration = Duration::from_secs(60);
