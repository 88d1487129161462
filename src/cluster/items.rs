//! Lists as far as they arrived: every whole item of a list that broke off is still worth having.

use serde::de::DeserializeOwned;

/// The items of a list body and its token for the next page.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` = this was the last page, or the body broke off before its head was read.
    pub next: Option<String>,
    /// Items after this page, where the server tells.
    pub remaining: Option<usize>,
    /// Some of the list is missing: the body broke off, or an item made no sense.
    pub is_damaged: bool,
}

/// Reads a list whose body may have been cut anywhere. `None` = it is no list at all.
pub fn page<T: DeserializeOwned>(body: &[u8]) -> Option<Page<T>> {
    let parts = parts(body)?;
    let mut is_damaged = !parts.is_whole;
    let mut items = Vec::with_capacity(parts.items.len());
    for item in parts.items {
        match serde_json::from_slice(item) {
            Ok(item) => items.push(item),
            Err(_) => is_damaged = true,
        }
    }
    let metadata = parts.metadata.and_then(|metadata| serde_json::from_slice::<Metadata>(metadata).ok()).unwrap_or_default();
    Some(Page { items, next: metadata.next.filter(|token| !token.is_empty()), remaining: metadata.remaining, is_damaged })
}

#[derive(Default, serde::Deserialize)]
struct Metadata {
    #[serde(rename = "continue")]
    next: Option<String>,
    #[serde(rename = "remainingItemCount")]
    remaining: Option<usize>,
}

struct Parts<'a> {
    items: Vec<&'a [u8]>,
    metadata: Option<&'a [u8]>,
    is_whole: bool,
}

/// Walks the top level of an object: the value of `metadata`, and each element of `items`.
fn parts(body: &[u8]) -> Option<Parts<'_>> {
    let mut scan = Scan { body, at: 0 };
    if scan.next_token()? != b'{' {
        return None;
    }
    let mut parts = Parts { items: Vec::new(), metadata: None, is_whole: false };
    let mut is_list = false;
    while let Some(token) = scan.next_token() {
        match token {
            b'}' => {
                parts.is_whole = true;
                break;
            }
            b'"' => {
                scan.at -= 1;
                let Some(key) = scan.value() else { break };
                if scan.next_token() != Some(b':') {
                    break;
                }
                if key == b"\"items\"" {
                    is_list = true;
                    if !scan.elements(&mut parts.items) {
                        break;
                    }
                    continue;
                }
                let Some(value) = scan.value() else { break };
                if key == b"\"metadata\"" {
                    parts.metadata = Some(value);
                }
            }
            _ => {}
        }
    }
    is_list.then_some(parts)
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// The next byte that is neither blank nor comma, passed over.
    fn next_token(&mut self) -> Option<u8> {
        let skipped = self.body[self.at..].iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',')?;
        self.at += skipped + 1;
        Some(self.body[self.at - 1])
    }

    /// The JSON value that begins here, if its end has arrived.
    fn value(&mut self) -> Option<&'a [u8]> {
        self.next_token()?;
        let start = self.at - 1;
        let (mut depth, mut in_text, mut at) = (0_usize, false, start);
        loop {
            let byte = *self.body.get(at)?;
            match byte {
                b'\\' if in_text => at += 1,
                b'"' => in_text = !in_text,
                _ if in_text => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
            let is_closed = depth == 0 && !in_text && matches!(byte, b'}' | b']' | b'"');
            if is_closed {
                break;
            }
        }
        self.at = at;
        self.body.get(start..at)
    }

    /// The elements of the array that begins here; false where it broke off. `null` is an empty array.
    fn elements(&mut self, items: &mut Vec<&'a [u8]>) -> bool {
        match self.next_token() {
            Some(b'[') => {}
            Some(_) => {
                self.at -= 1;
                return self.value().is_some();
            }
            None => return false,
        }
        loop {
            match self.next_token() {
                Some(b']') => return true,
                Some(_) => {
                    self.at -= 1;
                    let Some(item) = self.value() else { return false };
                    items.push(item);
                }
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::page;

    #[test]
    fn a_whole_list_gives_all() {
        let list = json!({"kind": "PodList", "metadata": {"continue": "t"}, "items": [{"a": "]}\"\\"}, {"b": [1, {"c": 2}]}]});
        let page = page::<Value>(list.to_string().as_bytes()).unwrap();
        assert_eq!(page.items, [json!({"a": "]}\"\\"}), json!({"b": [1, {"c": 2}]})]);
        assert_eq!((page.next.as_deref(), page.is_damaged), (Some("t"), false));
    }

    #[test]
    fn a_list_cut_anywhere_gives_its_whole_items() {
        let text = json!({"kind": "L", "metadata": {"continue": "t"}, "items": [{"n": 1}, {"n": 2}, {"n": 3}]}).to_string();
        for end in 0..text.len() {
            if let Some(page) = page::<Value>(&text.as_bytes()[..end]) {
                assert!(page.is_damaged, "{end}");
                assert!(page.items.iter().zip(1..).all(|(item, n)| item["n"] == n), "{end}: {:?}", page.items);
            }
        }
        let most = page::<Value>(&text.as_bytes()[..text.len() - 4]).unwrap();
        assert_eq!(most.items.len(), 2);
    }

    #[test]
    fn no_items_and_no_list_are_told_apart() {
        assert!(
            page::<Value>(br#"{"kind":"PodList","items":null}"#).is_some_and(|page| page.items.is_empty() && !page.is_damaged)
        );
        for garbage in [&b"404 page not found"[..], b"", b"{}", br#"{"kind":"Status"}"#, b"[1,2]"] {
            assert!(page::<Value>(garbage).is_none());
        }
    }
}
