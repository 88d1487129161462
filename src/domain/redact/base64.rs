//! Base64, as far as telling whether it wraps something.

/// The longest run that is decoded; a longer one is decoded as far as this.
const MOST_BYTES: usize = 64 << 10;

/// Whether a byte may stand in base64, plain or for URLs.
pub fn is_digit(byte: u8) -> bool {
    VALUE[usize::from(byte)] != NONE
}

const NONE: u8 = 255;

static VALUE: [u8; 256] = {
    let mut table = [NONE; 256];
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 64")]
        let value = at as u8;
        table[digits[at] as usize] = value;
        at += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// The text that `encoded` wraps, white space left out. `None` = it is not base64, or no text.
pub fn text_in(encoded: &[u8]) -> Option<String> {
    let encoded = &encoded[..encoded.len().min(MOST_BYTES)];
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in encoded {
        let value = VALUE[usize::from(*byte)];
        if value == NONE {
            if byte.is_ascii_whitespace() || *byte == b'=' {
                continue;
            }
            return None;
        }
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            #[expect(clippy::cast_possible_truncation, reason = "the lowest eight bits are meant")]
            let byte = (bits >> held) as u8;
            // Whatever is no text shows it soon.
            if byte < 9 || (14..32).contains(&byte) && byte != 27 || byte == 127 {
                return None;
            }
            bytes.push(byte);
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        // It was cut within a character.
        Err(error) if error.utf8_error().error_len().is_none() => {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            String::from_utf8(bytes).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::text_in;

    #[test]
    fn only_text_is_taken_out() {
        assert_eq!(text_in(b"aHVudGVyMg==").as_deref(), Some("hunter2"));
        assert_eq!(text_in(b"aHVu\ndGVyMg").as_deref(), Some("hunter2"));
        assert_eq!(text_in(b"iVBORw0KGgoAAAANSUhEUg"), None);
        assert_eq!(text_in(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), None);
    }
}
