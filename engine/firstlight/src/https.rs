//! How gateways are asked over HTTP. Blocking.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Follows no redirects; a status is no error. `ca`: certificates that are trusted instead of the usual ones.
pub(crate) fn agent(
    ca: Option<&Path>,
    connect_within: Duration,
    answer_within: Duration,
) -> Result<ureq::Agent> {
    let mut tls = TlsConfig::builder();
    if let Some(file) = ca {
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates(file)?));
    }
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(connect_within))
        .timeout_global(Some(answer_within))
        .tls_config(tls.build())
        .build();
    Ok(config.into())
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    // A key in the same file, as the gateway keeps it, is none of ours.
    let found: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    if found.is_empty() {
        bail!("{} holds no certificate in PEM", file.display());
    }
    Ok(found)
}
