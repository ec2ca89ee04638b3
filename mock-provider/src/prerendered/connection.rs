//! One client's connection: request after request until someone closes it.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::model::Wanted;
use super::render::Answers;
use crate::cors;
use crate::request::{NoRequest, Reader, Request};
use crate::wire::{Head, Wire};

/// Serves a connection to its end.
pub(crate) async fn serve(mut socket: TcpStream, answers: Arc<Answers>) {
    // Pieces must not wait for each other; a socket that refuses this still works.
    let _ = socket.set_nodelay(true);
    let (read, write) = socket.split();
    let mut reader = Reader::new(read);
    let mut wire = Wire::new(write);
    while let Ok(request) = next(&mut reader, &mut wire).await {
        wire.turn_to(&request);
        let answered = answer(&request, &mut reader, &mut wire, &answers).await;
        if answered.is_err() || !wire.keeps_alive() {
            return;
        }
    }
}

/// The next request, if there is one; what is no HTTP is told so.
async fn next(reader: &mut Reader<'_>, wire: &mut Wire<'_>) -> io::Result<Request> {
    match reader.next_request(wire).await {
        Ok(request) => Ok(request),
        Err(NoRequest::Closed) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(NoRequest::Refused(error)) => {
            refuse(wire, error.status).await?;
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

async fn answer(
    request: &Request,
    reader: &mut Reader<'_>,
    wire: &mut Wire<'_>,
    answers: &Answers,
) -> io::Result<()> {
    if request.method == "OPTIONS" {
        let preflight = wire.whole(&cors::preflight(request), b"");
        return wire.raw(&preflight).await;
    }
    if request.method != "POST" || !request.path().ends_with("/chat/completions") {
        return refuse(wire, 404).await;
    }
    let Some(wanted) = Wanted::read(&request.body) else { return refuse(wire, 400).await };
    let answer = answers.get(wanted);
    for piece in answer.pieces.iter() {
        wire.raw(piece).await?;
    }
    if !answer.complete {
        reader.closed().await;
        wire.close_after_this();
    }
    Ok(())
}

async fn refuse(wire: &mut Wire<'_>, status: u16) -> io::Result<()> {
    let head = Head::new(status).set_all(&cors::answer_headers(true));
    let refusal = wire.whole(&head, b"");
    wire.raw(&refusal).await
}
