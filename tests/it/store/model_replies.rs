//! What models replied: known to every process, for a while, within bounds.

use faultline::incidents::{KeptReply, MOST_BYTES_OF_REPLY, Retention};
use jiff::{SignedDuration, Timestamp};

use super::bed::{Bed, at};

fn reply(text: &str, at: Timestamp) -> KeptReply {
    KeptReply { text: text.to_owned(), at }
}

async fn kept(bed: &Bed) -> i64 {
    let rows = bed.store.status().await.expect("it answers").rows;
    rows.into_iter().find(|(table, _)| *table == "model_replies").expect("a table").1
}

pub async fn a_reply_is_known_until_its_time_is_over(bed: Bed) {
    let (one, other) = (bed.other().await, bed.other().await);
    let (one, other) = (one.model_replies(), other.model_replies());
    assert_eq!(other.recall("question", at(0)).await.expect("it answers"), None);
    one.keep("question", &reply("{\"a\": 1}", at(0)), at(60)).await.expect("it is kept");
    assert_eq!(other.recall("question", at(59)).await.expect("it answers"), Some(reply("{\"a\": 1}", at(0))));
    assert_eq!(other.recall("another", at(59)).await.expect("it answers"), None);
    assert_eq!(other.recall("question", at(60)).await.expect("it answers"), None, "its time is over");

    // Of two who asked at one time the later one's stays.
    other.keep("question", &reply("later", at(61)), at(121)).await.expect("it is kept");
    one.keep("question", &reply("earlier", at(60)), at(120)).await.expect("it is answered");
    assert_eq!(one.recall("question", at(62)).await.expect("it answers"), Some(reply("later", at(61))));

    let forever = Retention { incidents: SignedDuration::MAX, audit: SignedDuration::MAX };
    bed.store.clean(&forever, at(120)).await.expect("it is cleaned");
    assert_eq!(kept(&bed).await, 1);
    bed.store.clean(&forever, at(122)).await.expect("it is cleaned");
    assert_eq!(kept(&bed).await, 0);
}

pub async fn the_newest_are_kept_within_bounds(bed: Bed) {
    let replies = bed.store.model_replies();
    replies.keep("long", &reply(&"x".repeat(MOST_BYTES_OF_REPLY + 1), at(0)), at(9)).await.expect("it is answered");
    assert_eq!(kept(&bed).await, 0, "one that is too long is not kept");

    let many = "INSERT INTO model_replies (name, text, bytes, at, until_at) WITH RECURSIVE numbers (n) AS \
                (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3000) SELECT 'n' || n, '', 0, n, 9999999999999 FROM numbers";
    bed.execute(many).await.expect("they are kept");
    replies.keep("new", &reply("x", at(0)), at(9)).await.expect("it is kept");
    assert_eq!(kept(&bed).await, 2048);
    assert!(replies.recall("n3000", at(1)).await.expect("it answers").is_some(), "of the old ones the newest stay");
    assert!(replies.recall("n1", at(1)).await.expect("it answers").is_none());

    bed.execute("UPDATE model_replies SET bytes = 16384 WHERE name <> 'new'").await.expect("they grow");
    replies.keep("newer", &reply("x", at(1)), at(9)).await.expect("it is kept");
    assert_eq!(kept(&bed).await, 2 + 1023, "sixteen mebibytes in all");
}
