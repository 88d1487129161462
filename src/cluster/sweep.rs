//! Reading a whole resource page by page, each item handed on at once and none kept.

use super::{
    error::ReadError,
    items,
    reader::{Reader, named},
    wire::{self, JSON, Readable, escaped, path},
};

/// Items of one page, as long as they are of ordinary weight.
const PAGE_ITEMS: usize = 250;
/// The most that one page may weigh; heavier ones are asked for again with fewer items.
const PAGE_BYTES: usize = 8 << 20;
/// A page with as few items is taken as far as it arrives.
const SMALLEST_PAGE: usize = 8;
/// Damaged pages after which no more are asked for.
const MOST_DAMAGED: usize = 3;

/// How far a sweep over one resource came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub seen: usize,
    /// Known to exist and not seen; a server that does not tell how many are left leaves this at 0.
    pub unseen: usize,
    /// Everything there is was seen.
    pub is_complete: bool,
}

impl Reader {
    /// Hands every item of a resource to `take`, in one namespace or in all. What could not be read is a gap that says how much.
    pub async fn sweep<K: Readable>(&self, namespace: Option<&str>, mut take: impl FnMut(K)) -> Swept {
        let what = named(K::URL_PATH_SEGMENT, namespace);
        let mut swept = Swept::default();
        let (mut limit, mut damaged) = (PAGE_ITEMS, 0);
        let mut from: Option<String> = None;
        let mut remaining: Option<usize> = None;
        loop {
            let mut target = format!("{}?limit={limit}", path::<K>(namespace, None));
            if let Some(token) = &from {
                target.push_str(&format!("&continue={}", escaped(token)));
            }
            let read = self.fetch_with_retry(&target, JSON, PAGE_BYTES).await;
            let page = read.and_then(|fetched| {
                let page = items::page::<K>(&fetched.body).ok_or_else(|| ReadError::Damaged("it is no list".to_owned()))?;
                Ok((page, fetched.is_cut))
            });
            let (page, is_cut) = match page {
                Ok(page) => page,
                // A resource that the cluster does not serve has no items.
                Err(ReadError::Absent) => return Swept { is_complete: true, ..swept },
                Err(error) => {
                    swept.unseen += remaining.unwrap_or(0);
                    if from.is_none() {
                        self.note(what, &error);
                    } else {
                        self.note_why(what, broke_off(&error, swept));
                    }
                    return swept;
                }
            };
            // Too heavy, or broken off: a smaller page may arrive whole.
            if is_cut && limit > SMALLEST_PAGE {
                limit = (limit / 4).max(SMALLEST_PAGE);
                continue;
            }
            swept.seen += page.items.len();
            if page.is_damaged || is_cut {
                damaged += 1;
                let before = remaining.map_or(0, |left| left.saturating_sub(page.remaining.unwrap_or(0)));
                swept.unseen += before.saturating_sub(page.items.len());
                let error = ReadError::Damaged(format!("some of its items were lost; {} were read", swept.seen));
                self.note(what.clone(), &error);
            }
            page.items.into_iter().for_each(&mut take);
            remaining = page.remaining;
            match page.next {
                Some(_) if damaged >= MOST_DAMAGED => {
                    swept.unseen += remaining.unwrap_or(0);
                    return swept;
                }
                Some(token) => from = Some(token),
                None => return Swept { is_complete: damaged == 0, ..swept },
            }
        }
    }
}

/// Why a sweep ended early, and what is missing for it.
fn broke_off(error: &ReadError, swept: Swept) -> String {
    let why = wire::short(&error.to_string());
    match swept.unseen {
        0 => format!("{why}; {} were seen, and the rest was not", swept.seen),
        unseen => format!("{why}; {} were seen, {unseen} were not", swept.seen),
    }
}
