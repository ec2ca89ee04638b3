//! The program's command line.

use std::net::SocketAddr;
use std::time::Duration;

use lexopt::Arg::Long;
use lexopt::{Error, Parser, ValueExt};

use mock_provider::{FAULT_MODELS, KeySettings, Settings};

const USAGE: &str = "\
An OpenAI-compatible server for demonstrations and tests. Prints its base URL, runs until Ctrl-C.

Usage: mock-provider [OPTIONS]

  --port PORT            listen on 127.0.0.1:PORT (default: a free port)
  --address IP:PORT      listen elsewhere
  --keys K1,K2,K3        accept these keys only (default: any key, or none)
  --capacity N           requests that each key may make at once (default: no limit)
  --refill-rate R        requests per second that each key gets back (default: 1)
  --latency-ms MS        wait before an answer (default: 0)
  --token-pace-ms MS     wait between streamed tokens (default: 0)
  --models M1,M2         the models that exist (default: any name)
  --context-window N     the longest prompt in tokens (default: no limit)
  --prerendered          serve benches instead: fixed bytes at full speed, by the model's name:
                         stream-N, stream-N-by-K, body-N or idle; of the options, the address only
  --help                 print this

Settings, faults and the log are under /_control of the same address.

Models whose names ask for a fault:

";

/// What the command line asks for.
pub(crate) enum Wish {
    /// To serve with these settings.
    Serve(Settings),
    /// To serve benches at this address.
    Prerendered(SocketAddr),
    /// To be told how.
    Help,
}

/// Reads the process's arguments.
pub(crate) fn read() -> Result<Wish, Error> {
    let mut settings = Settings::default();
    let mut keys = Vec::new();
    let mut capacity = 0;
    let mut refill_rate = 1.0;
    let mut prerendered = false;
    let mut arguments = Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => settings.address.set_port(arguments.value()?.parse()?),
            Long("address") => settings.address = arguments.value()?.parse()?,
            Long("keys") => keys = listed(&arguments.value()?.string()?),
            Long("capacity") => capacity = arguments.value()?.parse()?,
            Long("refill-rate") => refill_rate = arguments.value()?.parse()?,
            Long("latency-ms") => settings.latency = millis(&mut arguments)?,
            Long("token-pace-ms") => settings.token_pace = millis(&mut arguments)?,
            Long("models") => settings.models = listed(&arguments.value()?.string()?),
            Long("context-window") => settings.context_window = Some(arguments.value()?.parse()?),
            Long("prerendered") => prerendered = true,
            Long("help") => return Ok(Wish::Help),
            other => return Err(other.unexpected()),
        }
    }
    if prerendered {
        return Ok(Wish::Prerendered(settings.address));
    }
    if capacity > 0 && keys.is_empty() {
        return Err("--capacity limits keys, so it needs --keys".into());
    }
    let limited = |key| KeySettings::limited(key, capacity, refill_rate);
    settings.keys = keys.into_iter().map(limited).collect();
    Ok(Wish::Serve(settings))
}

/// The text of `--help`.
pub(crate) fn help() -> String {
    let line = |(name, meaning): &(&str, &str)| format!("  {name:<28} {meaning}\n");
    FAULT_MODELS.iter().map(line).fold(USAGE.to_owned(), |text, line| text + &line)
}

fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn millis(arguments: &mut Parser) -> Result<Duration, Error> {
    Ok(Duration::from_millis(arguments.value()?.parse()?))
}
