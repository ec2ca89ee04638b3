//! The provider as a program: prints its base URL and runs until Ctrl-C.

mod arguments;

use std::future::ready;
use std::pin::pin;
use std::process::ExitCode;

use mock_provider::MockProvider;

use crate::arguments::Wish;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match arguments::read() {
        Ok(Wish::Serve(settings)) => settings,
        Ok(Wish::Help) => {
            print!("{}", arguments::help());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("mock-provider: {error}\nTry mock-provider --help.");
            return ExitCode::from(2);
        }
    };
    let address = settings.address;
    let provider = match MockProvider::start(settings).await {
        Ok(provider) => provider,
        Err(error) => {
            eprintln!("mock-provider: cannot listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut ctrl_c = pin!(tokio::signal::ctrl_c());
    // Listened to from its first poll on, which must come before anybody can answer the address.
    tokio::select! { biased; _ = &mut ctrl_c => return ExitCode::SUCCESS, () = ready(()) => {} }
    println!("{}", provider.base_url());
    if let Err(error) = ctrl_c.await {
        eprintln!("mock-provider: cannot wait for Ctrl-C: {error}");
        return ExitCode::FAILURE;
    }
    provider.stop().await;
    ExitCode::SUCCESS
}
