//! The metrics of this process, for Prometheus.

use crate::Error;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Where metrics are collected and from where they are read.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Collects what this process records from here on. The first in a process gets it all; a later one stays empty.
    ///
    /// # Errors
    /// [`Error::Metrics`] when a histogram has no buckets.
    pub fn install() -> Result<Self, Error> {
        let refused = |error: metrics_exporter_prometheus::BuildError| Error::Metrics(error.to_string());
        let mut builder = PrometheusBuilder::new();
        for (name, buckets) in firstlight_telemetry::buckets() {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
                .map_err(refused)?;
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("this process collects its metrics elsewhere");
        }
        firstlight_telemetry::describe();
        Ok(Self(handle))
    }

    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what histograms gathered into their buckets, so that memory stays bounded when nobody scrapes.
    pub(crate) fn fold(&self) {
        self.0.run_upkeep();
    }
}
