//! What a diagnosis costs. `make bench` runs it; compare figures of one run only.

use std::{hint::black_box, sync::LazyLock};

use divan::{Bencher, counter::BytesCount};
use faultline::{
    app,
    classify::{self, Origin, catalogue::Catalogue},
    config::KnowledgeSettings,
    pipeline::{
        Stages,
        diagnose::{self, Pass, Question},
        suggest,
    },
};
use jiff::Timestamp;
use regex::Regex;

fn main() {
    divan::main();
}

static STAGES: LazyLock<Stages> =
    LazyLock::new(|| app::stages_without_cluster(&KnowledgeSettings::default()).expect("the built-in parts are sound"));

/// What a future gives; without an embedder nothing in it waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads"));
    RUNTIME.block_on(future)
}

/// A healthy log of `bytes` bytes: many shapes of lines, some with words that could be trouble.
fn healthy_log(bytes: usize) -> String {
    let mut log = String::with_capacity(bytes + 256);
    let mut n: u64 = 0x9e37_79b9;
    while log.len() < bytes {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b) = (n >> 33, (n >> 20) & 0xfff);
        let line = match n >> 59 {
            0..=7 => {
                format!("2026-11-21T06:16:{:02}.{b:03}Z INFO  http: GET /api/v1/orders/{a} 200 {b}ms request_id={a:x}\n", a % 60)
            }
            8..=13 => format!(
                "10.42.{}.{} - - [21/Nov/2026:06:16:{:02} +0000] \"GET /assets/app-{a:x}.js HTTP/1.1\" 200 {b} \"-\" \"Mozilla/5.0\"\n",
                a % 250,
                b % 250,
                a % 60
            ),
            14..=18 => {
                format!("{{\"level\":\"info\",\"ts\":{a},\"msg\":\"processed batch\",\"size\":{b},\"worker\":{}}}\n", b % 16)
            }
            19..=22 => format!(
                "I1121 06:16:{:02}.{b:06} 1 controller.go:{b}] \"Reconciled\" object=\"shop/orders-{a:x}\" duration=\"{b}ms\"\n",
                a % 60
            ),
            23..=26 => format!(
                "2026-11-21 06:16:{:02},{b:03} DEBUG [worker-{}] c.e.s.CacheService - cache hit ratio 0.{b} for key user:{a}\n",
                a % 60,
                b % 8
            ),
            27..=29 => format!(
                "time=\"2026-11-21T06:16:{:02}Z\" level=info msg=\"sync finished\" errors=0 items={b} timeout=30s\n",
                a % 60
            ),
            _ => format!("[{a}.{b:06}] eth0: link up, 1000 Mbps, full duplex, lpa 0x{b:x}\n"),
        };
        log.push_str(&line);
    }
    log.truncate(bytes);
    log
}

const MEBIBYTE: usize = 1 << 20;
const TEN: &str = "OOMKilled|CrashLoopBackOff|ImagePullBackOff|connection refused|no space left on device|permission denied|certificate has expired|segmentation fault|out of memory|FailedScheduling";

/// The measure for the next one: one search for ten literals, ignoring case as the rules do.
#[divan::bench]
fn ten_literals_any_case_1_mib(bencher: Bencher<'_, '_>) {
    let log = healthy_log(MEBIBYTE);
    let regex = Regex::new(&format!("(?i){TEN}")).expect("a constant regex");
    bencher.counter(BytesCount::of_str(&log)).bench_local(|| regex.find_iter(black_box(&log)).count());
}

/// The same with the case given: a single vectorised pass, the speed of memory.
#[divan::bench]
fn ten_literals_exact_case_1_mib(bencher: Bencher<'_, '_>) {
    let log = healthy_log(MEBIBYTE);
    let regex = Regex::new(TEN).expect("a constant regex");
    bencher.counter(BytesCount::of_str(&log)).bench_local(|| regex.find_iter(black_box(&log)).count());
}

/// All rules over a healthy log; time over size must stay level.
#[divan::bench(args = [64 << 10, 256 << 10, MEBIBYTE, 4 * MEBIBYTE])]
fn classify_healthy_log(bencher: Bencher<'_, '_>, bytes: usize) {
    let log = STAGES.redactor.clean(&healthy_log(bytes));
    let catalogue = &STAGES.catalogue;
    bencher
        .counter(BytesCount::of_str(log.as_str()))
        .bench_local(|| classify::classify(catalogue, &[(Origin::ErrorMessage, black_box(&log))]));
}

fn two_kibibytes() -> String {
    let mut text = healthy_log(1700);
    text.push_str("\nError: failed to connect to orders-db:5432: connection refused\nBack-off restarting failed container app in pod orders-7c58bc488d-ccpqw_shop(1b2c)\n");
    text
}

fn pass() -> Pass {
    Pass::new("bench", Timestamp::UNIX_EPOCH, STAGES.redactor.session())
}

/// A whole rules-only answer, never asked before.
#[divan::bench]
fn diagnose_2_kib_distinct(bencher: Bencher<'_, '_>) {
    let text = two_kibibytes();
    let mut n = 0_u64;
    bencher
        .with_inputs(|| {
            n += 1;
            Question { error_message: STAGES.redactor.clean(&format!("{text}request {n}")), ..Question::default() }
        })
        .bench_local_values(|question| now(diagnose::diagnose(&STAGES, &question, pass())));
}

/// The same for one line of an event, as a chatops bot posts it.
#[divan::bench]
fn diagnose_one_line_distinct(bencher: Bencher<'_, '_>) {
    let mut n = 0_u64;
    bencher
        .with_inputs(|| {
            n += 1;
            let said = "Back-off restarting failed container app in pod orders-7c58bc488d-ccpqw_shop: dial tcp 10.96.44.7:5432: connect: connection refused";
            Question { error_message: STAGES.redactor.clean(&format!("{said} request {n}")), ..Question::default() }
        })
        .bench_local_values(|question| now(diagnose::diagnose(&STAGES, &question, pass())));
}

/// A whole rules-only answer, remembered.
#[divan::bench]
fn diagnose_2_kib_repeated(bencher: Bencher<'_, '_>) {
    let question = Question { error_message: STAGES.redactor.clean(&two_kibibytes()), ..Question::default() };
    bencher.bench_local(|| now(diagnose::diagnose(&STAGES, black_box(&question), pass())));
}

#[divan::bench]
fn suggest_one_line(bencher: Bencher<'_, '_>) {
    let mut n = 0_u64;
    bencher
        .with_inputs(|| {
            n += 1;
            format!("terraform state lock held by a dead CI job {n}")
        })
        .bench_local_values(|text| now(suggest::suggest(&STAGES, &STAGES.redactor.clean(&text), 3)));
}

#[divan::bench]
fn suggest_one_line_repeated(bencher: Bencher<'_, '_>) {
    let text = STAGES.redactor.clean("terraform state lock held by a dead CI job");
    bencher.bench_local(|| now(suggest::suggest(&STAGES, black_box(&text), 3)));
}

#[divan::bench(sample_count = 20)]
fn load_catalogue() -> Catalogue {
    Catalogue::built_in().expect("the built-in rules are sound")
}

#[divan::bench(sample_count = 20)]
fn load_all_stages() -> Stages {
    app::stages_without_cluster(&KnowledgeSettings::default()).expect("the built-in parts are sound")
}
