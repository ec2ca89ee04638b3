//! The server, in a process of its own: what it uses is not the clients'.

use std::future::pending;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use mock_provider::prerendered::Prerendered;

use crate::{Result, usage};

/// The argument that makes this program the server.
pub const ROLE: &str = "--serve";

/// The running server. Dropping it ends it.
pub struct Server {
    process: Child,
    /// What clients take as their base URL.
    pub base_url: String,
}

impl Server {
    /// Starts it, and waits for its address.
    ///
    /// # Errors
    /// It does not start.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg(ROLE).stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let mut base_url = String::new();
        let output = process.stdout.take().ok_or("no output of the server's")?;
        BufReader::new(output).read_line(&mut base_url)?;
        Ok(Self { process, base_url: base_url.trim_end().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the server.
///
/// # Errors
/// It cannot listen.
pub async fn serve() -> Result<()> {
    usage::allow_sockets()?;
    let server = Prerendered::start(([127, 0, 0, 1], 0).into()).await?;
    println!("{}", server.base_url());
    pending().await
}
