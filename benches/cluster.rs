//! A diagnosis of the recorded cluster over a loopback socket, beside the bare requests that it makes.
//!
//! The ratio of the two is what collecting, classifying and writing the answer add.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use divan::Bencher;
use faultline::{
    app,
    cluster::{Cluster, recording::Recording},
    config::KnowledgeSettings,
    domain::target::Target,
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
    },
};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::{net::TcpListener, runtime::Runtime};

fn main() {
    divan::main();
}

/// Requests that a diagnosis lets wait at the same time.
const CONCURRENT: usize = 10;

/// A served recording, a client to it, and what was asked of it.
struct World {
    runtime: Runtime,
    client: kube::Client,
    stages: Stages,
    /// Namespace, kind and name of each fault.
    cases: Vec<(String, String, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/recordings");
    let recording = Arc::new(Recording::load(format!("{folder}/zoo").as_ref()).expect("a recording"));
    let expected: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(format!("{folder}/expected.json")).expect("a file")).expect("a list");
    let text = |case: &serde_json::Value, field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let cases = expected
        .iter()
        .filter_map(|case| {
            let target = text(case, "target");
            let (kind, name) = target.split_once('/')?;
            Some((text(case, "namespace"), kind.to_owned(), name.to_owned()))
        })
        .collect();
    let runtime = Runtime::new().expect("a runtime");
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (client, stages) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(serve(listener, recording, Arc::clone(&asked)));
        let mut config = kube::Config::new(url.parse().expect("a URL"));
        config.default_retry = false;
        let client = kube::Client::try_from(config).expect("a client");
        let stages = app::stages_of(&KnowledgeSettings::default(), Cluster::of_client(client.clone())).expect("the parts");
        (client, stages)
    });
    World { runtime, client, stages, cases, asked }
});

async fn serve(listener: TcpListener, recording: Arc<Recording>, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (recording, asked) = (Arc::clone(&recording), Arc::clone(&asked));
        let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let (recording, asked) = (Arc::clone(&recording), Arc::clone(&asked));
            async move {
                asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.uri().to_string());
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                Ok::<_, Infallible>(recording.answer(&http::Request::from_parts(parts, body)).map(Full::new))
            }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn question(world: &World, number: usize) -> Question {
    let (namespace, kind, name) = &world.cases[number % world.cases.len()];
    Question {
        error_message: world.stages.redactor.clean(&format!("{name} does not work")),
        target: Target {
            kind: Some(kind.clone()),
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            ..Target::default()
        },
        ..Question::default()
    }
}

fn diagnosed(world: &World, number: usize) {
    let pass = Pass::new("bench", Timestamp::UNIX_EPOCH, world.stages.redactor.session());
    divan::black_box(world.runtime.block_on(diagnose::diagnose(&world.stages, &question(world, number), pass)));
}

/// Thirty diagnoses, one per fault.
#[divan::bench(sample_count = 20)]
fn diagnose_all_thirty(bencher: Bencher<'_, '_>) {
    let world = &*WORLD;
    bencher.bench_local(|| (0..world.cases.len()).for_each(|number| diagnosed(world, number)));
}

/// The requests that those diagnoses make, and nothing else.
#[divan::bench(sample_count = 20)]
fn their_requests_bare(bencher: Bencher<'_, '_>) {
    let world = &*WORLD;
    world.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    (0..world.cases.len()).for_each(|number| diagnosed(world, number));
    let asked = std::mem::take(&mut *world.asked.lock().unwrap_or_else(PoisonError::into_inner));
    bencher.bench_local(|| {
        world.runtime.block_on(async {
            let reads = stream::iter(&asked).map(|target| async move {
                let request = http::Request::get(target).body(kube::client::Body::empty()).expect("a request");
                let response = world.client.send(request).await.expect("an answer");
                response.into_body().collect().await.map(|body| body.to_bytes().len())
            });
            divan::black_box(reads.buffer_unordered(CONCURRENT).collect::<Vec<_>>().await);
        });
    });
}

/// One diagnosis at a time: `slowest` bounds the 95th percentile.
#[divan::bench(sample_count = 300)]
fn diagnose_one(bencher: Bencher<'_, '_>) {
    let world = &*WORLD;
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        diagnosed(world, number);
    });
}
