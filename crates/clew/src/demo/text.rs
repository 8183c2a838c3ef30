//! What customers write: comments put together from themes, openings and closings, in three languages.
//!
//! A small grammar, no stored corpus: theme clauses say what it is about, openings and closings carry the mood, and a
//! share of comments is short, off-theme, misspelt or mixed, as real ones are.

use super::dice::Dice;
use super::names::Country;

/// What a comment can be about: name, clauses of praise and of complaint in English, German and Spanish.
struct Theme {
    name: &'static str,
    good: [&'static [&'static str]; 3],
    bad: [&'static [&'static str]; 3],
}

const THEMES: &[Theme] = &[
    Theme {
        name: "delivery_time",
        good: [
            &[
                "the delivery came on the promised day",
                "my parcel arrived even earlier than promised",
                "shipping was quick and the courier was on time",
            ],
            &["die Lieferung kam pünktlich", "das Paket war schneller da als gedacht"],
            &["la entrega llegó a tiempo", "el paquete llegó antes de lo previsto"],
        ],
        bad: [
            &[
                "the delivery came {n} days after the promised date",
                "I was told one day and the parcel still had not arrived",
                "waiting for a late delivery with no word from the courier",
                "the promised delivery date was missed again",
            ],
            &["die Lieferung kam {n} Tage zu spät", "der zugesagte Liefertermin wurde nicht eingehalten"],
            &["la entrega llegó {n} días tarde", "no cumplieron la fecha de entrega prometida"],
        ],
    },
    Theme {
        name: "damage",
        good: [
            &["the {item} was packed carefully and arrived in one piece", "not a scratch on the {item}"],
            &["alles war gut verpackt und heil", "die Ware kam unbeschädigt an"],
            &["todo llegó bien embalado y sin golpes", "el producto llegó intacto"],
        ],
        bad: [
            &[
                "the {item} arrived broken",
                "one leg of the {item} was cracked when I opened the box",
                "the {item} was scratched and dented on arrival",
            ],
            &["die Ware kam beschädigt an", "der Artikel war zerbrochen im Karton"],
            &["el producto llegó roto", "la caja venía golpeada y el artículo dañado"],
        ],
    },
    Theme {
        name: "service",
        good: [
            &[
                "the agent solved my problem in one call",
                "friendly people on the phone who know what they are doing",
                "support answered quickly and kindly",
            ],
            &["der Kundendienst hat sofort geholfen", "sehr freundliche Beratung am Telefon"],
            &["la atención al cliente me ayudó enseguida", "muy amables por teléfono"],
        ],
        bad: [
            &[
                "I had to call {n} times about the same problem",
                "nobody in support could solve it and I had to explain everything again",
                "they promised to call back and never did",
            ],
            &["ich musste mehrmals wegen derselben Sache anrufen", "der Kundendienst konnte nicht helfen"],
            &["tuve que llamar varias veces por lo mismo", "nadie en atención al cliente supo resolverlo"],
        ],
    },
    Theme {
        name: "waiting_on_hold",
        good: [
            &["somebody picked up the phone at once", "hardly any queue on the hotline"],
            &["kaum Wartezeit in der Hotline"],
            &["contestaron el teléfono enseguida"],
        ],
        bad: [
            &[
                "{m} minutes on hold listening to the same music",
                "the queue on the phone line is endless",
                "transferred from one desk to the next",
            ],
            &["{m} Minuten in der Warteschleife", "man wird nur weiterverbunden"],
            &["{m} minutos de espera al teléfono", "me pasaron de un departamento a otro"],
        ],
    },
    Theme {
        name: "checkout",
        good: [
            &["ordering in the app takes seconds", "checkout was simple and paying worked the first time"],
            &["die Bestellung in der App ging ganz leicht"],
            &["comprar en la aplicación fue muy fácil"],
        ],
        bad: [
            &[
                "the checkout failed with an error and I had to pay twice",
                "the app crashed when I wanted to pay",
                "payment page did not load and my basket was gone",
            ],
            &["beim Bezahlen kam eine Fehlermeldung", "die App stürzt an der Kasse ab"],
            &["el pago dio error y tuve que repetirlo", "la aplicación se cerró al pagar"],
        ],
    },
    Theme {
        name: "product_quality",
        good: [
            &["the {item} is beautiful and well made", "great quality for a {item}", "I love my new {item}"],
            &["die Qualität ist wirklich gut", "sehr schöne Verarbeitung"],
            &["muy buena calidad", "el producto es precioso"],
        ],
        bad: [
            &["the {item} feels cheap", "poor quality, the {item} wobbles", "colour of the {item} is nothing like the picture"],
            &["die Qualität ist schlecht", "das Material wirkt billig"],
            &["mala calidad", "no se parece nada a la foto"],
        ],
    },
    Theme {
        name: "price",
        good: [
            &["good value for money", "the price was fair", "cheaper than elsewhere"],
            &["fairer Preis", "gutes Preis-Leistungs-Verhältnis"],
            &["buen precio", "buena relación calidad precio"],
        ],
        bad: [
            &["far too expensive for what it is", "delivery charges are too high", "the price went up while it was in my basket"],
            &["viel zu teuer", "die Versandkosten sind zu hoch"],
            &["demasiado caro", "los gastos de envío son altos"],
        ],
    },
    Theme {
        name: "store",
        good: [
            &["the staff in the store were lovely", "nice shop and easy to find things"],
            &["nette Mitarbeiter in der Filiale"],
            &["muy buen trato en la tienda"],
        ],
        bad: [
            &["nobody in the store to ask", "parking at the store is a nightmare"],
            &["kein Personal in der Filiale"],
            &["no había nadie en la tienda para atender"],
        ],
    },
    Theme {
        name: "packaging_waste",
        good: [
            &["glad that you use paper instead of plastic"],
            &["schön, dass auf Plastik verzichtet wird"],
            &["me gusta que usen menos plástico"],
        ],
        bad: [
            &[
                "so much plastic packaging for one small {item}",
                "a huge box full of plastic foam, what a waste",
                "packaging waste fills my whole bin",
            ],
            &["viel zu viel Plastik in der Verpackung", "so viel Verpackungsmüll"],
            &["demasiado plástico en el embalaje", "cuánto embalaje para nada"],
        ],
    },
    Theme {
        name: "voucher_code",
        good: [&["the voucher code worked fine"], &["der Gutscheincode hat funktioniert"], &["el código de descuento funcionó"]],
        bad: [
            &["the voucher code from the newsletter was not accepted", "my discount voucher did not work"],
            &["der Gutscheincode aus dem Newsletter ging nicht"],
            &["el código de descuento no funcionaba"],
        ],
    },
];

const OPEN: [[&[&str]; 3]; 3] = [
    [
        &["Very disappointed:", "Not happy,", "Terrible experience.", "Honestly,", "Sorry, but", ""],
        &["Sehr enttäuscht:", "Leider", "Schade,", ""],
        &["Muy decepcionado:", "La verdad,", "Por desgracia", ""],
    ],
    [&["It was ok,", "Mixed feelings:", "Fine overall,", ""], &["Ganz in Ordnung,", ""], &["Normal,", ""]],
    [
        &["Really happy:", "Great,", "Love it,", "Excellent.", "Thank you,", ""],
        &["Sehr zufrieden:", "Super,", "Danke,", ""],
        &["Muy contento:", "Genial,", "Gracias,", ""],
    ],
];
const CLOSE: [[&[&str]; 3]; 3] = [
    [
        &["I will not order again.", "Please sort this out.", "Bad.", "Awful.", "", ""],
        &["Nie wieder.", "Bitte bessern.", ""],
        &["No vuelvo a comprar.", "Fatal.", ""],
    ],
    [&["Could be better.", "", ""], &["Geht besser.", ""], &["Se puede mejorar.", ""]],
    [
        &["Will buy again!", "Highly recommended.", "Perfect.", "Thanks!", "", ""],
        &["Gerne wieder!", "Empfehlenswert.", ""],
        &["Repetiré.", "Recomendable.", ""],
    ],
];
const ITEMS: [&str; 10] = ["lamp", "table", "chair", "rug", "bookshelf", "mirror", "mattress", "sofa", "vase", "desk"];

/// What to write.
pub struct Brief {
    /// The writer's language follows their country; some write English all the same.
    pub country: Country,
    /// -1 complaint, 0 mixed, 1 praise.
    pub sentiment: i8,
    /// What it is about, most important first; empty: anything.
    pub themes: Vec<&'static str>,
}

/// A comment with its language and themes.
pub struct Words {
    /// The text.
    pub text: String,
    /// ISO 639-1.
    pub language: &'static str,
    /// What it speaks of.
    pub themes: Vec<&'static str>,
}

/// Everyday themes: those that neither surge nor spike.
const EVERYDAY: usize = 8;

/// Writes a comment.
pub fn comment(dice: &mut Dice, brief: &Brief) -> Words {
    let language = if dice.chance(0.12) { "en" } else { brief.country.language() };
    let tongue = ["en", "de", "es"].iter().position(|known| *known == language).unwrap_or(0);
    let mood = (brief.sentiment + 1) as usize;
    let mut themes = brief.themes.clone();
    if themes.is_empty() {
        themes.push(THEMES[dice.below(EVERYDAY)].name);
    }
    if dice.chance(0.25) {
        let other = THEMES[dice.below(EVERYDAY)].name;
        if !themes.contains(&other) {
            themes.push(other);
        }
    }
    themes.truncate(2);
    let mut parts = vec![dice.pick(OPEN[mood][tongue]).to_owned()];
    for (place, name) in themes.iter().enumerate() {
        let theme = THEMES.iter().find(|theme| theme.name == *name).expect("briefs name themes of this file");
        // A mixed comment praises one thing and complains of the other.
        let good = match brief.sentiment {
            0 => place == 1 || (themes.len() == 1 && dice.chance(0.5)),
            sentiment => (sentiment > 0) != dice.chance(0.06),
        };
        let clause = dice.pick(if good { theme.good[tongue] } else { theme.bad[tongue] });
        if place > 0 {
            parts.push(["and", "und", "y"][tongue].to_owned());
        }
        parts.push(clause.to_owned());
    }
    let close = dice.pick(CLOSE[mood][tongue]);
    let mut text = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ");
    text.push('.');
    if !close.is_empty() {
        text.push(' ');
        text.push_str(close);
    }
    let text = text
        .replace("{item}", dice.pick(&ITEMS))
        .replace("{n}", &dice.whole(2, 9).to_string())
        .replace("{m}", &dice.whole(10, 55).to_string());
    Words { text: scrawl(dice, &text), language, themes }
}

/// A capital at the start, and now and then a typing slip, capitals throughout, or an added phone number.
fn scrawl(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if dice.chance(0.7)
        && let Some(first) = letters.first_mut()
    {
        *first = first.to_uppercase().next().unwrap_or(*first);
    }
    if dice.chance(0.12) && letters.len() > 8 {
        let place = 1 + dice.below(letters.len() - 3);
        letters.swap(place, place + 1);
    }
    let mut text: String = letters.into_iter().collect();
    if dice.chance(0.02) {
        text = text.to_uppercase();
    }
    if dice.chance(0.01) {
        text.push_str(" Call me: 087 555 01 99");
    }
    text
}

/// A note that an agent types during a call; has line breaks, quotes and separators.
pub fn note(dice: &mut Dice, matter: &str, resolved: bool) -> String {
    let opening = dice.pick(&["cust called re", "Caller asks about", "re:", "follow up on"]);
    let detail =
        dice.pick(&["said \"not good enough\"", "checked order, see screen", "verified name; address ok", "asked for manager"]);
    let end = if resolved { "solved, closed" } else { "passed on, customer to call back" };
    format!("{opening} {matter}\n{detail}, {end}")
}

/// A customer's first line in chat, bot or mail.
pub fn question(dice: &mut Dice, country: Country, matter: &str) -> String {
    let english: &[&str] = match matter {
        "delivery" => &["where is my parcel?", "my order has not arrived", "when will it be delivered?"],
        "damage" => &["my order arrived broken", "the item is damaged, what now?"],
        "billing" => &["I was charged twice", "question about my invoice", "where is my refund?"],
        "returns" => &["how do I send this back?", "I want to return an item"],
        "warranty" => &["my lamp stopped working, is there a warranty?", "a part broke after two months"],
        "contract" => &["please change my service contract", "how can I cancel my subscription?"],
        _ => &["is this available in blue?", "what size is the table?", "can I change my order?"],
    };
    match country {
        Country::Germany => {
            dice.pick(&["wo ist mein Paket?", "ich habe eine Frage zu meiner Bestellung", "bitte um Hilfe mit der Rechnung"])
        }
        Country::Spain => {
            dice.pick(&["¿dónde está mi pedido?", "tengo una pregunta sobre mi factura", "quiero devolver un artículo"])
        }
        Country::Ireland => dice.pick(english),
    }
    .to_owned()
}
