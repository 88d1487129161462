//! How fast texts are cleaned.

use std::{hint::black_box, sync::LazyLock};

use divan::{Bencher, counter::BytesCount};
use faultline::domain::redact::Redactor;

fn main() {
    divan::main();
}

const MEBIBYTE: usize = 1 << 20;

static REDACTOR: LazyLock<std::sync::Arc<Redactor>> = LazyLock::new(Redactor::built_in);

/// Lines as services write them; one of a hundred holds a secret.
fn log() -> String {
    let mut text = String::with_capacity(MEBIBYTE + 256);
    let mut number = 0_u32;
    while text.len() < MEBIBYTE {
        number += 1;
        let line = match number % 5 {
            0 => format!(
                "2026-02-19T10:30:{:02}.123Z INFO  [http-nio-8080-exec-{}] c.s.OrderController : GET /orders/{number} 200 12ms\n",
                number % 60,
                number % 16
            ),
            1 => format!(
                "{{\"ts\":\"2026-02-19T10:30:00Z\",\"level\":\"info\",\"msg\":\"authenticated\",\"user\":\"u{number}\",\"key\":\"orders-{number}\"}}\n"
            ),
            2 => format!(
                "time=\"2026-02-19T10:30:00Z\" level=warning msg=\"retrying\" url=http://inventory:8080/items/{number} attempt=2\n"
            ),
            3 => format!(
                "I0219 10:30:00.000000 1 reflector.go:243] Listing and watching *v1.Secret from client-go number={number}\n"
            ),
            _ if number % 100 == 4 => {
                format!("2026-02-19T10:30:00Z ERROR connect postgres://app:s3cr3t{number}@db:5432/shop failed\n")
            }
            _ => format!(
                "10.0.0.{} - - [19/Feb/2026:10:30:00 +0000] \"GET /api/v1/items?page={number} HTTP/1.1\" 200 512 \"-\" \"curl/8.5\"\n",
                number % 250
            ),
        };
        text.push_str(&line);
    }
    text
}

#[divan::bench]
fn log_1_mib(bencher: Bencher<'_, '_>) {
    let text = log();
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| REDACTOR.clean(black_box(&text)));
}

#[divan::bench]
fn error_of_300_bytes(bencher: Bencher<'_, '_>) {
    let text = "Back-off restarting failed container app in pod orders-7c58bc488d-ccpqw_shop: dial tcp 10.96.44.7:5432: connect: connection \
                refused; MountVolume.SetUp failed for volume \"db\" : secret \"db-password\" not found; readiness probe failed: HTTP probe failed with \
                statuscode: 503; see http://10.0.0.1/";
    bencher.counter(BytesCount::of_str(text)).bench_local(|| REDACTOR.clean(black_box(text)));
}

/// Telling words and nothing else, in one line.
#[divan::bench(args = ["password=", "key=é", "authorization: x ", "-----BEGIN PRIVATE KEY-----", "://a", "cookie: x "])]
fn hostile_1_mib(bencher: Bencher<'_, '_>, piece: &str) {
    let text = piece.repeat(MEBIBYTE / piece.len());
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| REDACTOR.clean(black_box(&text)));
}
