//! Connections: taking them, bounding them, letting them end.
//!
//! `axum::serve` waits for ever for a request that trickles in, so the loop is our own, over hyper's HTTP/1.1: the head of a request
//! has a time to arrive (idle connections are closed by the same clock), and only so many connections are open ([`Limits`]); further
//! clients wait in the system's queue. Bodies have limits of their own where they are read. At the stop, connections that are idle close at once and the others
//! after the answer that they wait for, within [`LAST_ANSWERS`].
//!
//! Deliberately missing: HTTP/2 and TLS, which are a proxy's business.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What strangers may take of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for the head of a request, and for the next one on an idle connection.
    pub head: Duration,
    /// Time for the body of a request to a live source.
    pub body: Duration,
    /// Connections that are open at once.
    pub connections: usize,
    /// Bytes of bodies for live sources that may wait or be at work.
    pub door_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_secs(20),
            connections: 4_096,
            door_bytes: clew_intake::live::BUDGET,
        }
    }
}

/// The stop waits this long for answers under way: the longest query and some.
const LAST_ANSWERS: Duration = Duration::from_secs(35);
/// After a failure to accept that is not the client's: the process may be out of file descriptors.
const BREATHE: Duration = Duration::from_millis(100);

/// Answers requests until `stopped`.
pub async fn answer(listener: TcpListener, router: Router, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let service = TowerToHyperService::new(router);
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Some((stream, place)) = accepted else {
            sleep(BREATHE).await;
            continue;
        };
        let (service, stopped) = (service.clone(), stopped.clone());
        open.spawn(async move {
            serve(stream, service, limits.head, stopped).await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    let all = async { while open.join_next().await.is_some() {} };
    if timeout(LAST_ANSWERS, all).await.is_err() {
        tracing::warn!("some answers were not finished in time");
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small and complete: waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection was not taken");
            None
        }
    }
}

async fn serve(stream: TcpStream, service: TowerToHyperService<Router>, head: Duration, mut stopped: watch::Receiver<bool>) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How a connection ends is its client's business: broken ones are no fault of ours.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
