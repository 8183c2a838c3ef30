//! Listening, the schedule, stopping.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clew_intake::Sources;
use clew_lake::{Lake, SealError, StorageError};
use clew_pipeline::{Definitions, RunOptions, Step};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::{App, Reload};
use crate::auth::Auth;
use crate::connections::{self, Limits};
use crate::feeds;
use crate::jobs::{Work, start};
use crate::keys::{KeyError, WriteKeys};
use crate::routes::router;

/// Between looks at a store in which the pipeline never ran.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// How to serve.
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The folder of the store: the token lies in it.
    pub store: PathBuf,
    /// Name of the company, as the cockpit shows it.
    pub company: String,
    /// How often the pipeline runs when something is new, and other systems are asked; `None`: the pipeline runs and files, buckets and databases
    /// are read only when somebody asks. Streams are followed all the same.
    pub schedule: Option<Duration>,
    /// Host names beside `localhost` and addresses under which browsers may reach the server, such as that of a proxy.
    pub hosts: Vec<String>,
    /// What strangers may take of the server.
    pub limits: Limits,
    /// Reads the project's sources anew for imports and replays; `None`: they stay as given.
    pub reload: Option<Reload>,
    /// Is told the address and the login link as soon as requests are taken.
    pub ready: Box<dyn FnOnce(&Ready) + Send>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("store", &self.store)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

/// A server that takes requests.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The address that it is bound to.
    pub address: SocketAddr,
    /// Opens the cockpit in a browser. It holds the token: it belongs on the owner's terminal, not into a log.
    pub login: String,
}

/// Why serving ended otherwise than by the signal.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with `listen:` in clew.yaml or --listen")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The token can be neither read nor made.
    #[error("the access token {}: {source}", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The write keys can be neither read nor written.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The project's zone is none.
    #[error("timezone: {0}")]
    Timezone(#[from] jiff::Error),
    /// The address that was bound cannot be told.
    #[error("serving: {0}")]
    Address(#[from] std::io::Error),
    /// The store could not note the address.
    #[error("noting the address in the store: {0}")]
    Announce(#[from] StorageError),
    /// The lake could not be closed.
    #[error("closing the store: {0}")]
    Close(#[from] SealError),
}

/// Serves until `shutdown` resolves, then closes the lake.
pub async fn serve(
    lake: Lake,
    sources: Sources,
    definitions: Definitions,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let listener =
        TcpListener::bind(config.listen).await.map_err(|source| ServeError::Bind { address: config.listen, source })?;
    let address = listener.local_addr()?;
    let token = |source| ServeError::Token { path: config.store.join("token"), source };
    let auth = Auth::open(&config.store, address.port()).map_err(token)?;
    let zone = TimeZone::get(&definitions.timezone)?;
    let reach = reachable(address);
    let login = format!("http://{reach}{}", auth.login_path());
    let keys = WriteKeys::open(&config.store)?;
    let mut app = App::new(lake.clone(), sources, definitions, zone, (auth, keys), config.limits);
    app.company = config.company;
    app.hosts = config.hosts;
    app.reload = config.reload;
    let app = Arc::new(app);
    lake.announce(&reach.to_string())?;
    let (stop, stopped) = watch::channel(false);
    let feeds = config.schedule.map(|every| feeds::start(&app, every, stopped.clone())).transpose()?;
    let schedule = config.schedule.map(|every| tokio::spawn(on_schedule(Arc::clone(&app), every, stopped.clone())));
    if let Err(error) = make_index(&app, config.schedule).await {
        tracing::warn!(%error, "the index of the write path waits for the next run");
    }
    (config.ready)(&Ready { address, login });
    tracing::info!(%address, "serving");
    let stopping = Arc::clone(&app);
    tokio::spawn(async move {
        shutdown.await;
        // An answer that only waits for messages would hold the stop up.
        stopping.door.tail().close();
        stop.send_replace(true);
    });
    connections::answer(listener, router(Arc::clone(&app)), config.limits, stopped).await;
    app.streams.stop().await;
    app.door.close().await;
    if let Some(schedule) = schedule {
        schedule.abort();
    }
    app.jobs.finish().await;
    if let Some(feeds) = feeds {
        // A feed that panicked has told so; the store is closed all the same.
        let _ = tokio::task::spawn_blocking(move || feeds.join()).await;
    }
    lake.close().await?;
    Ok(())
}

/// Whether the index of the write path holds nobody of the last run: there is none, or it was made under other rules.
async fn lacks_index(app: &App) -> Result<bool, StorageError> {
    Ok(app.lake.hook().is_some() && app.lake.index_base()?.is_none() && app.lake.version("subjects").await?.is_some())
}

/// Lets a run make the index where it is missing; where nothing runs by itself, says what that means.
async fn make_index(app: &Arc<App>, schedule: Option<Duration>) -> Result<(), StorageError> {
    if !lacks_index(app).await? {
        return Ok(());
    }
    if schedule.is_none() {
        tracing::warn!(
            "the index of the write path holds nobody of the last run, as the rules have changed since: who comes again may be shown as somebody new \
             until `clew run`"
        );
    } else if let Err(error) = start(app, Work::Run(RunOptions { only: Some(Step::Identity), full: false })) {
        tracing::warn!(code = error.kind.code().0, "the index of the write path waits for the next run");
    }
    Ok(())
}

/// The address as others on this machine reach it: "everywhere" is no place to go to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut reach = address;
    if address.ip().is_unspecified() {
        reach.set_ip(if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    reach
}

/// Runs the pipeline every so often when something new came in; on a store in which it never ran, as soon as the feeds have brought what there is.
async fn on_schedule(app: Arc<App>, every: Duration, mut stopped: watch::Receiver<bool>) {
    let mut pause = if matches!(app.lake.version("runs").await, Ok(None)) { FIRST_LOOK } else { every };
    let (mut ran_at, mut seen_at) = (None, 0);
    loop {
        let at = app.lake.now().micros() + i64::try_from(pause.as_micros()).unwrap_or(i64::MAX / 2);
        *app.next_run.lock().expect("no holder panics") = Some(at);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let offset = app.lake.offset();
        let is_settled = pause != FIRST_LOOK || (offset == seen_at && app.feeding.load(Ordering::SeqCst) == 0);
        seen_at = offset;
        if offset == 0 || ran_at == Some(offset) || !is_settled {
            continue;
        }
        match start(&app, Work::Run(RunOptions::default())) {
            Ok(_) => (ran_at, pause) = (Some(offset), every),
            // Somebody else's work runs the pipeline too, or the next time will.
            Err(error) => tracing::info!(code = error.kind.code().0, "the schedule waits for the next time"),
        }
    }
}
