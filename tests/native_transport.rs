//! What the native transport puts on the wire, read from the socket.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use futures::executor::block_on;
use lockkeeper::codec::ForwardRequest;
use lockkeeper::{ModelSettings, OpenAiCompatible};

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
