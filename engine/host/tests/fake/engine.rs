//! A host in a process of its own, to be killed: starts one session of the title in its third argument and prints its id.

use firstlight_host::{Config, Host, Request};
use std::io::Write;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [worker, folder, title_dir] = arguments.as_slice() else {
        return Err("worker, folder, title".into());
    };
    let title = firstlight_title::load(title_dir)?;
    // Apart from those of the tests beside this one.
    let first = 60_001 + u16::try_from(std::process::id() % 50)? * 100;
    let config = Config::builder(folder.join("data"), folder.join("run"), vec![worker.clone()])
        .media_ports(first..=first + 99)
        .build()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let host = Host::open(config)?;
        let request = Request {
            player: "p".to_owned(),
            title,
            title_dir: title_dir.clone(),
            origins: Vec::new(),
            lease: None,
        };
        let placed = host.start(request).await?;
        writeln!(std::io::stdout(), "{}", placed.session)?;
        std::future::pending::<()>().await;
        Ok(())
    })
}
