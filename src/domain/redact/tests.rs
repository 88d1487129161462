use super::Redactor;

fn clean(text: &str) -> String {
    Redactor::built_in().clean(text).into_string()
}

#[test]
fn equal_secrets_have_equal_marks() {
    assert_eq!(
        clean("password=hunter2 again password=hunter2 other password=hunter3"),
        "password=[REDACTED:password:1] again password=[REDACTED:password:1] other password=[REDACTED:password:2]"
    );
}
