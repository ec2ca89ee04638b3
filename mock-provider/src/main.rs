//! The provider as a program: prints its base URL and runs until Ctrl-C.

mod arguments;

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;

use mock_provider::prerendered::Prerendered;
use mock_provider::{MockProvider, Settings};

use crate::arguments::Wish;

#[tokio::main]
async fn main() -> ExitCode {
    match arguments::read() {
        Ok(Wish::Serve(settings)) => serve(settings).await,
        Ok(Wish::Prerendered(address)) => serve_benches(address).await,
        Ok(Wish::Help) => {
            print!("{}", arguments::help());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mock-provider: {error}\nTry mock-provider --help.");
            ExitCode::from(2)
        }
    }
}

async fn serve(settings: Settings) -> ExitCode {
    let address = settings.address;
    match MockProvider::start(settings).await {
        Ok(provider) => {
            let code = until_ctrl_c(&provider.base_url()).await;
            provider.stop().await;
            code
        }
        Err(error) => cannot_listen(address, &error),
    }
}

async fn serve_benches(address: SocketAddr) -> ExitCode {
    match Prerendered::start(address).await {
        Ok(server) => until_ctrl_c(&server.base_url()).await,
        Err(error) => cannot_listen(address, &error),
    }
}

/// Says where the server is, and waits.
async fn until_ctrl_c(base_url: &str) -> ExitCode {
    let mut ctrl_c = pin!(tokio::signal::ctrl_c());
    // Listened to from its first poll on, which must come before anybody can answer the address.
    tokio::select! { biased; _ = &mut ctrl_c => return ExitCode::SUCCESS, () = ready(()) => {} }
    println!("{base_url}");
    if let Err(error) = ctrl_c.await {
        eprintln!("mock-provider: cannot wait for Ctrl-C: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> ExitCode {
    eprintln!("mock-provider: cannot listen on {address}: {error}");
    ExitCode::FAILURE
}
