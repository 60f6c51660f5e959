//! Writes what is generated from the option table: `js-wrapper/src/options.ts` and the table between
//! the markers in `README.md`. With `--check` it writes nothing and fails if they are not current.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use headwater::options::{DOCUMENTATION, FACTS, FURTHER, OptionDocumentation, OptionId, Rule};

fn main() -> ExitCode {
    let check = env::args().any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut current = true;
    for (file, render) in [
        ("js-wrapper/src/options.ts", typescript as fn(&str) -> String),
        ("README.md", readme as fn(&str) -> String),
    ] {
        let path = root.join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let after = render(&before);
        if before == after {
            continue;
        }
        if check {
            eprintln!("{file} is not current: run `npm run options`");
            current = false;
        } else if let Err(error) = fs::write(&path, after) {
            eprintln!("{file}: {error}");
            return ExitCode::FAILURE;
        } else {
            println!("wrote {file}");
        }
    }
    if current { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn typescript(_before: &str) -> String {
    let mut out = String::from(
        "/** The options. Generated from `crate/src/options/table.rs` by `npm run options`. */\n\n\
         import type { BeforeSend, Consent, Propagator, RemoteEnvironment, Target, TracesSampler } from './types.js'\n\n\
         /** What `init` takes. */\nexport interface Config {\n",
    );
    for option in DOCUMENTATION {
        out.push_str("  /**\n");
        for line in lines(option) {
            out.push_str(&format!("   * {line}\n"));
        }
        let optional = if option.default == "required" { "" } else { "?" };
        if !optional.is_empty() && !option.default.is_empty() {
            out.push_str(&format!("   *\n   * @defaultValue `{}`\n", option.default));
        }
        out.push_str("   */\n");
        out.push_str(&format!("  {}{optional}: {}{}\n", option.name, option.typescript, undefined(optional)));
    }
    out.push_str("}\n\n/** Their names, in the order of their numbers in the module. @internal */\n");
    out.push_str("export const OPTIONS = (\n");
    let (options, further) = DOCUMENTATION.split_at(DOCUMENTATION.len() - FURTHER);
    let last = options.len() - 1;
    for (number, option) in options.iter().enumerate() {
        // One text: shorter than a list of texts.
        out.push_str(&format!("  '{}{}\n", option.name, if number == last { "' +" } else { " ' +" }));
    }
    let names: Vec<_> = further.iter().map(|option| format!(" {}", option.name)).collect();
    out.push_str(&format!("  (PROTOCOLS ? '{}' : '')\n", names.concat()));
    out.push_str(
        ").split(' ')\n\n/** How each is written, a letter each: the first of `text`, `boolean`, `number`,\n",
    );
    out.push_str(" * `list`, `object`, `json`. @internal */\nexport const OPTION_TYPES =\n  '");
    let letter = |number: usize| {
        let rule = OptionId::from_number(number as u32).map(OptionId::rule);
        &rule.map_or("text", attribute_type)[..1]
    };
    out.push_str(&(0..options.len()).map(letter).collect::<String>());
    let letters: String = (options.len()..DOCUMENTATION.len()).map(letter).collect();
    out.push_str(&format!("' + (PROTOCOLS ? '{letters}' : '')"));
    out.push_str(
        "\n\n/** What the browser is asked for, in the order of the numbers behind the options. @internal */\n",
    );
    out.push_str("export type Facts = [\n");
    let last = FACTS.len() - 1;
    for fact in &FACTS[..last] {
        out.push_str(&format!("  {fact}: string | undefined,\n"));
    }
    out.push_str(&format!(
        "]\n\n/** The number of `{}` behind them. @internal */\nexport const STORED_SESSION = {last}\n",
        FACTS[last]
    ));
    out
}

fn attribute_type(rule: Rule) -> &'static str {
    match rule {
        Rule::Flag | Rule::DeferredFlag | Rule::VitalsFlag | Rule::Exclude => "boolean",
        Rule::Rate | Rule::Duration | Rule::Time | Rule::Limit | Rule::ApiVersion => "number",
        Rule::Instrumentations
        | Rule::Origins
        | Rule::Patterns
        | Rule::Routes
        | Rule::Propagators
        | Rule::Members => "list",
        Rule::Attributes | Rule::Headers | Rule::Baggage => "object",
        Rule::Environments => "json",
        Rule::Name
        | Rule::Text
        | Rule::Url
        | Rule::Level
        | Rule::TraceId
        | Rule::SpanId
        | Rule::HeaderName
        | Rule::SamplingMode
        | Rule::Unsampled
        | Rule::Consent
        | Rule::Protocol
        | Rule::Credentials
        | Rule::Compression
        | Rule::BeforeSend
        | Rule::Graphql
        | Rule::Sampler => "text",
    }
}

fn readme(before: &str) -> String {
    let Some((head, rest)) = before.split_once(BEGIN) else { return before.into() };
    let Some((_, tail)) = rest.split_once(END) else { return before.into() };
    let mut out = format!("{head}{BEGIN}\n| option | type | default | meaning |\n|---|---|---|---|\n");
    for option in DOCUMENTATION {
        let default = match option.default {
            "" => String::new(),
            "required" => "**required**".into(),
            default => format!("`{default}`"),
        };
        let typescript = option.typescript.replace('|', "\\|");
        let text = lines(option).collect::<Vec<_>>().join(" ");
        out.push_str(&format!("| `{}` | `{typescript}` | {default} | {text} |\n", option.name));
    }
    out + END + tail
}

fn lines(option: &OptionDocumentation) -> impl Iterator<Item = &str> {
    option.text.lines().map(str::trim)
}

fn undefined(optional: &str) -> &'static str {
    if optional.is_empty() { "" } else { " | undefined" }
}

const BEGIN: &str = "<!-- options: generated by `npm run options` -->";
const END: &str = "<!-- /options -->";
