//! Names, streets and towns of the invented customers.
//!
//! Lists of this generator only: neither the cleaner nor the matcher may see them, or the planted dirt would be tested
//! against its own answer key. Common names come first and are drawn more often, so that namesakes happen by chance.

use super::dice::Dice;

/// Where a person lives and what they speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Country {
    /// Ireland, English.
    Ireland,
    /// Germany, German.
    Germany,
    /// Spain, Spanish.
    Spain,
}

impl Country {
    /// ISO 3166-1 alpha-2.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ireland => "IE",
            Self::Germany => "DE",
            Self::Spain => "ES",
        }
    }

    /// ISO 639-1.
    pub fn language(self) -> &'static str {
        match self {
            Self::Ireland => "en",
            Self::Germany => "de",
            Self::Spain => "es",
        }
    }

    /// International calling code.
    pub fn calling_code(self) -> &'static str {
        match self {
            Self::Ireland => "353",
            Self::Germany => "49",
            Self::Spain => "34",
        }
    }

    fn women(self) -> &'static str {
        match self {
            Self::Ireland => {
                "Aoife Ciara Emma Sarah Niamh Grace Sophie Lauren Roisin Sinead Mary Anne Kate Orla Maeve Eimear Clodagh Laura Rachel \
                 Amy Louise Fiona Deirdre Siobhan Catherine Helen Jane Ruth Nora Bridget Aisling Caoimhe Hannah Lucy Ella Ava Mia Chloe \
                 Megan Rebecca Patricia Margaret Teresa Noreen Breda Geraldine Una Grainne Sorcha Dearbhla"
            }
            Self::Germany => {
                "Anna Lena Julia Sabine Petra Monika Claudia Katrin Laura Marie Sophia Hannah Lea Mia Emilia Jana Nina Birgit Heike Ute \
                 Renate Ingrid Jutta Silke Anja Tanja Sandra Melanie Vanessa Kerstin Bärbel Käthe Jördis Frauke"
            }
            Self::Spain => {
                "Maria Carmen Ana Lucía Paula Laura Marta Elena Cristina Pilar Isabel Rosa Sofía Irene Alba Nuria Raquel Beatriz Silvia \
                 Inés Rocío Concepción Mercedes Begoña Montserrat Leire Ainhoa Noa"
            }
        }
    }

    fn men(self) -> &'static str {
        match self {
            Self::Ireland => {
                "Conor Sean Jack James Patrick Daniel Liam Cian Oisin Darragh John Michael David Mark Paul Brian Kevin Declan Eoin \
                 Ronan Fergal Niall Padraig Colm Donal Gerard Thomas Adam Luke Noah Harry Charlie Ryan Aaron Shane Barry Stephen \
                 Peter Martin Joseph Eamon Diarmuid Cathal Tadhg Fintan Rory Killian Alan Derek Noel"
            }
            Self::Germany => {
                "Thomas Michael Andreas Stefan Peter Klaus Jürgen Wolfgang Uwe Frank Markus Jan Lukas Leon Finn Paul Jonas Felix Max Tim \
                 Matthias Christian Sven Torsten Dirk Jörg Günter Horst Manfred Bernd Niklas Moritz Götz"
            }
            Self::Spain => {
                "Antonio Manuel José Francisco David Juan Javier Daniel Carlos Jesús Alejandro Miguel Pablo Sergio Fernando Jorge Luis \
                 Alberto Álvaro Adrián Diego Raúl Iván Rubén Óscar Iñaki Gonzalo Andrés"
            }
        }
    }

    fn families(self) -> &'static str {
        match self {
            Self::Ireland => {
                "Murphy Kelly O'Sullivan Walsh Smith O'Brien Byrne Ryan O'Connor O'Neill O'Reilly Doyle McCarthy Gallagher Doherty \
                 Kennedy Lynch Murray Quinn Moore McLoughlin O'Carroll Connolly Daly O'Connell Wilson Dunne Brennan Burke Collins \
                 Campbell Clarke Johnston Hughes Farrell Fitzgerald Brown Martin Maguire Nolan Flynn Thompson Callaghan O'Donnell Duffy \
                 Mahony Boyle Healy Shea White Sweeney Hayes Kavanagh Power McGrath Moran Brady Stewart Casey Foley Fitzpatrick O'Leary \
                 McDonnell McMahon Donnelly Regan Donovan Burns Flanagan Mullan Barry Kane Robinson Cunningham Griffin Kenny Sheehan Ward \
                 Whelan Lyons Reid Graham Higgins Cullen Keane King Maher McKenna Bell Scott Hogan Keeffe Magee McNamara McDonald \
                 McDermott Molony Rourke Buckley Dwyer Keating Tobin Crowe Hartigan Looney Cremin Twomey Coughlan Hennessy Begley Costello \
                 Gilmartin Mangan Prendergast Tuohy Rafferty Geraghty Fahy Mannion Loughnane Considine Hanrahan Nash Kinsella Redmond"
            }
            Self::Germany => {
                "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder \
                 Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid Schulze Maier \
                 Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich \
                 Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Böhm Groß Jäger"
            }
            Self::Spain => {
                "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz \
                 Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina Morales Suárez \
                 Ortega Delgado Castro Ortiz Rubio Marín Sanz Núñez Iglesias Medina Garrido Cortés Castillo Santos Lozano Guerrero Cano \
                 Prieto Méndez Cruz Calvo Gallego Vidal León Márquez Herrera Peña Flores"
            }
        }
    }
}

/// One of `list`'s words; earlier words are more common.
fn common(dice: &mut Dice, list: &'static str) -> &'static str {
    let words: Vec<&'static str> = list.split_whitespace().collect();
    let position = dice.unit().powf(1.5);
    words[(position * words.len() as f64) as usize]
}

/// A given name.
pub fn given(dice: &mut Dice, country: Country) -> &'static str {
    let list = if dice.chance(0.52) { country.women() } else { country.men() };
    common(dice, list)
}

/// A family name; one in seven carries a second one, as rare names make a population real.
pub fn family(dice: &mut Dice, country: Country) -> String {
    let first = common(dice, country.families());
    let second = common(dice, country.families());
    let double = match country {
        Country::Spain => 0.6,
        _ => 0.08,
    };
    if !dice.chance(double) || first == second {
        return first.to_owned();
    }
    if country == Country::Spain { format!("{first} {second}") } else { format!("{first}-{second}") }
}

/// A town with its delivery region and postcode stem.
pub struct Town {
    /// Name.
    pub name: &'static str,
    /// Region as the carriers write it.
    pub region: &'static str,
    stem: &'static str,
    weight: f64,
}

const fn town(name: &'static str, region: &'static str, stem: &'static str, weight: f64) -> Town {
    Town { name, region, stem, weight }
}

const IRELAND: &[Town] = &[
    town("Dublin", "East", "D0", 30.0),
    town("Swords", "East", "K67", 5.0),
    town("Bray", "East", "A98", 5.0),
    town("Drogheda", "East", "A92", 5.0),
    town("Cork", "South", "T12", 13.0),
    town("Waterford", "South", "X91", 6.0),
    town("Kilkenny", "South", "R95", 4.0),
    town("Galway", "West", "H91", 12.0),
    town("Limerick", "West", "V94", 11.0),
    town("Ennis", "West", "V95", 4.0),
    town("Sligo", "North", "F91", 6.0),
    town("Letterkenny", "North", "F92", 5.0),
    town("Dundalk", "North", "A91", 6.0),
];
const GERMANY: &[Town] = &[
    town("Köln", "Germany", "50", 4.0),
    town("Hamburg", "Germany", "20", 4.0),
    town("München", "Germany", "80", 3.0),
    town("Berlin", "Germany", "10", 5.0),
    town("Düsseldorf", "Germany", "40", 2.0),
];
const SPAIN: &[Town] = &[
    town("Madrid", "Spain", "280", 4.0),
    town("Málaga", "Spain", "290", 2.0),
    town("Valencia", "Spain", "460", 3.0),
    town("A Coruña", "Spain", "150", 1.0),
];

/// A town of the country, large ones more often.
pub fn dwelling(dice: &mut Dice, country: Country) -> &'static Town {
    let towns = match country {
        Country::Ireland => IRELAND,
        Country::Germany => GERMANY,
        Country::Spain => SPAIN,
    };
    let weights: Vec<f64> = towns.iter().map(|town| town.weight).collect();
    &towns[dice.weighted(&weights)]
}

/// Street and number.
pub fn street(dice: &mut Dice, country: Country) -> String {
    const IRISH: &str = "Oak Chapel Mill Castle Church Abbey River Station Harbour Meadow Orchard Priory Elm Beech Rowan Quay Bridge Market \
                         College Parnell Pearse Connolly Emmet Davitt Sarsfield Griffith Clonard Rathmore Ashfield Brookfield Glenview \
                         Hazelwood Kilmore Seaview Woodlands Ballymore Carrig Dunmore Killeen Larchfield";
    const GERMAN: &str = "Haupt Schul Garten Bahnhof Linden Birken Kirch Wald Berg Ring Mühlen Rosen Schiller Goethe Mozart Jahn Wiesen \
                          Eichen Buchen Brunnen Post Markt Feld";
    const SPANISH: &str =
        "Mayor Real Sol Luna Alcalá Goya Velázquez Serrano Colón Cervantes Prado Iglesia Fuente Olivo Rosales Toledo";
    let number = 1 + dice.exponential(38.0) as u32;
    match country {
        Country::Ireland => {
            let kind = dice.pick(&["Street", "Road", "Avenue", "Park", "Drive", "Close", "Lane", "Crescent", "Grove", "Terrace"]);
            format!("{number} {} {kind}", common(dice, IRISH))
        }
        Country::Germany => format!("{}{} {number}", common(dice, GERMAN), dice.pick(&["straße", "weg", "allee", "gasse"])),
        Country::Spain => format!("{} {} {number}", dice.pick(&["Calle", "Avenida", "Plaza", "Paseo"]), common(dice, SPANISH)),
    }
}

/// A postcode of the town.
pub fn postcode(dice: &mut Dice, country: Country, town: &Town) -> String {
    match country {
        Country::Ireland => {
            let stem = if town.stem == "D0" { format!("D{:02}", dice.whole(1, 24)) } else { town.stem.to_owned() };
            let letters = ["A", "C", "D", "E", "F", "H", "K", "N", "P", "R", "T", "V", "W", "X", "Y"];
            let mut tail = String::new();
            for place in 0..4 {
                if place == 0 || dice.chance(0.4) {
                    tail.push_str(dice.pick(&letters));
                } else {
                    tail.push_str(&dice.below(10).to_string());
                }
            }
            format!("{stem} {tail}")
        }
        Country::Germany => format!("{}{:03}", town.stem, dice.below(1000)),
        Country::Spain => format!("{}{:02}", town.stem, dice.whole(1, 50)),
    }
}

/// A business name without its legal form, from the owner's family name and a trade.
pub fn business(dice: &mut Dice, country: Country, owner: &str) -> String {
    let owner = owner.split([' ', '-']).next().unwrap_or(owner);
    match country {
        Country::Ireland => {
            let trade = dice.pick(&[
                "Joinery",
                "Interiors",
                "Hotels",
                "Catering",
                "Letting",
                "Architects",
                "Dental",
                "Builders",
                "Cafe",
                "Design",
            ]);
            format!("{owner} {}{trade}", dice.pick(&["", "", "& Sons ", "Brothers "]))
        }
        Country::Germany => {
            format!("{owner} {}", dice.pick(&["Innenausbau", "Hotelbetriebe", "Hausverwaltung", "Planung", "Gastronomie"]))
        }
        Country::Spain => format!("{} {owner}", dice.pick(&["Reformas", "Hostelería", "Interiores", "Apartamentos"])),
    }
}

/// The legal form, short and long: records of one business use both.
pub fn legal_form(country: Country) -> (&'static str, &'static str) {
    match country {
        Country::Ireland => ("Ltd", "Limited"),
        Country::Germany => ("GmbH", "Gesellschaft mbH"),
        Country::Spain => ("S.L.", "Sociedad Limitada"),
    }
}

/// Lower-case ASCII letters of `text`, as used in addresses of mail boxes and hosts.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'ä' => out.push_str("ae"),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'á' => out.push('a'),
            'é' => out.push('e'),
            'í' => out.push('i'),
            'ó' => out.push('o'),
            'ú' => out.push('u'),
            'ñ' => out.push('n'),
            letter if letter.is_ascii_alphanumeric() => out.push(letter),
            _ => {}
        }
    }
    out
}
