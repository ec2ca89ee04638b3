//! What the native transport puts on the wire, read from the socket.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::executor::block_on;
use lockkeeper::codec::ForwardRequest;
use lockkeeper::{ChatOptions, LlmInterface, Message, ModelSettings, OpenAiCompatible};

const ANSWER: &str = r#"{"choices":[{"message":{"content":"Hi!"},"finish_reason":"stop"}]}"#;

/// Answers one request. Its address, and the request's head.
fn server() -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let head = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut piece = [0; 4096];
            let length = socket.read(&mut piece).unwrap();
            assert!(length > 0, "the request has an end");
            head.extend_from_slice(&piece[..length]);
        }
        let length = ANSWER.len();
        write!(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{ANSWER}"
        )
        .unwrap();
        String::from_utf8(head).unwrap()
    });
    (address, head)
}

fn client(base_url: &str) -> OpenAiCompatible {
    let mut settings = ModelSettings::new("native", "m", ["sk-native-0123456789"]);
    settings.base_url = base_url.to_owned();
    settings.max_retries = 0;
    OpenAiCompatible::new(settings).unwrap()
}

#[test]
fn a_forwarded_request_keeps_its_method() {
    let (address, head) = server();
    let request = ForwardRequest {
        method: "GET".to_owned(),
        url: format!("{address}/models"),
        headers: Vec::new(),
        body: Default::default(),
        model: None,
        streams: false,
    };
    block_on(client(&address).forward(request)).unwrap();
    let head = head.join().unwrap();
    assert!(head.starts_with("GET /models HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer sk-native-0123456789\r\n"), "{head}");
}

/// Whoever is this program's proxy would read the keys that are for this machine alone.
#[test]
fn what_is_for_this_machine_goes_through_no_proxy() {
    const PROVIDER: &str = "LOCKKEEPER_TEST_PROVIDER";
    if let Ok(address) = std::env::var(PROVIDER) {
        let options = ChatOptions::default().timeout(Duration::from_secs(10));
        block_on(client(&address).chat(vec![Message::user("Hi!")], options)).unwrap();
        return;
    }
    let (provider, head) = server();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    // The proxy's address is for a process of its own, which is this test once more.
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "what_is_for_this_machine_goes_through_no_proxy"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, format!("http://{}", proxy.local_addr().unwrap()));
    }
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        again.env_remove(name);
    }
    let ended = again.env(PROVIDER, provider).spawn().unwrap().wait().unwrap();
    assert!(proxy.accept().is_err(), "the proxy was asked");
    assert!(ended.success());
    assert!(head.join().unwrap().starts_with("POST /chat/completions HTTP/1.1\r\n"));
}
