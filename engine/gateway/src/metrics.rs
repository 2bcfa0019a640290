//! The metrics of this process, for Prometheus.

use crate::Error;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::sync::OnceLock;

/// Where metrics are collected and from where they are read.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Collects what this process records from the first call on; later calls give the same.
    ///
    /// # Errors
    /// [`Error::Metrics`] when a histogram has no buckets, or this process already collects its metrics elsewhere.
    pub fn install() -> Result<Self, Error> {
        let installed = INSTALLED.get_or_init(|| {
            let (recorder, handle) = build().map_err(|error| error.to_string())?;
            metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
            firstlight_telemetry::describe();
            Ok(handle)
        });
        installed.clone().map(Self).map_err(Error::Metrics)
    }

    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what histograms gathered into their buckets, so that memory stays bounded when nobody scrapes.
    pub(crate) fn fold(&self) {
        self.0.run_upkeep();
    }
}

fn build() -> Result<(PrometheusRecorder, PrometheusHandle), BuildError> {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in firstlight_telemetry::buckets() {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    Ok((recorder, handle))
}

/// The recorder is one per process, as the `metrics` crate has it; or why there is none.
static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
