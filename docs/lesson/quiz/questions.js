// The questions in both languages; "right" counts the answers from 0. What follows the sign is JSON.
const QUIZZES = {
 "pytorch-before": {
  "title": {
   "en": "Semantic segmentation with PyTorch: before",
   "ro": "Segmentare semantică cu PyTorch: înainte"
  },
  "of": "semantic-pytorch.ipynb",
  "questions": [
   {
    "ask": {
     "en": "A mask looks all black in an image viewer. What is most likely?",
     "ro": "O mască pare complet neagră pe ecran. Ce este cel mai probabil?"
    },
    "answers": [
     {
      "en": "The file is damaged.",
      "ro": "Fișierul este stricat."
     },
     {
      "en": "Its values are 0 and 1, and 1 is nearly black as well.",
      "ro": "Valorile ei sunt 0 și 1, iar 1 este și el aproape negru."
     },
     {
      "en": "There is nothing in the picture.",
      "ro": "În imagine nu se află nimic."
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "Values of a mask are names, not brightnesses. Of 256 grays the first two look the same to you, and are perfectly different to a program. Look at the values before you throw anything away.",
     "ro": "Valorile unei măști sunt nume, nu luminozități. Din 256 de trepte de gri, primele două arată la fel pentru ochi și sunt cu totul diferite pentru un program. Uitați-vă la valori înainte de a arunca ceva."
    }
   },
   {
    "ask": {
     "en": "Two sheep touch. What are they in a semantic segmentation?",
     "ro": "Două oi se ating. Ce sunt ele într-o segmentare semantică?"
    },
    "answers": [
     {
      "en": "Two objects with a number each",
      "ro": "Două obiecte, fiecare cu numărul său"
     },
     {
      "en": "Two boxes",
      "ro": "Două dreptunghiuri"
     },
     {
      "en": "One patch of the category sheep",
      "ro": "O singură pată din categoria oaie"
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "Semantic segmentation names the category of each pixel and nothing else. Who wants to count needs instance or panoptic segmentation.",
     "ro": "Segmentarea semantică spune categoria fiecărui pixel și nimic altceva. Cine vrea să numere are nevoie de segmentare pe instanțe sau panoptică."
    }
   },
   {
    "ask": {
     "en": "The output of the network for a pixel is the logit z = 0. What probability is that?",
     "ro": "Pentru un pixel, ieșirea rețelei este logitul z = 0. Ce probabilitate înseamnă?"
    },
    "answers": [
     {
      "en": "0",
      "ro": "0"
     },
     {
      "en": "0.5",
      "ro": "0,5"
     },
     {
      "en": "1",
      "ro": "1"
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "sigmoid(0) = 1 / (1 + 1) = 0.5. Therefore a mask is where the logit is above 0, which is where the probability is above one half.",
     "ro": "sigmoida(0) = 1 / (1 + 1) = 0,5. De aceea masca este acolo unde logitul trece de 0, adică unde probabilitatea trece de o jumătate."
    }
   },
   {
    "ask": {
     "en": "A paper has an IoU of 0.85, you have a Dice of 0.90. Who is better?",
     "ro": "Un articol are IoU 0,85, dumneavoastră aveți Dice 0,90. Cine stă mai bine?"
    },
    "answers": [
     {
      "en": "The paper",
      "ro": "Articolul"
     },
     {
      "en": "You",
      "ro": "Dumneavoastră"
     },
     {
      "en": "It cannot be said",
      "ro": "Nu se poate spune"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "IoU = Dice / (2 - Dice), so a Dice of 0.90 is an IoU of 0.82. (That holds for one mask; means over images follow it only roughly.)",
     "ro": "IoU = Dice / (2 - Dice), deci un Dice de 0,90 este un IoU de 0,82. (Așa este pentru o singură mască; mediile pe imagini urmează regula doar aproximativ.)"
    }
   }
  ]
 },
 "pytorch-after": {
  "title": {
   "en": "Semantic segmentation with PyTorch: after",
   "ro": "Segmentare semantică cu PyTorch: după"
  },
  "of": "semantic-pytorch.ipynb",
  "questions": [
   {
    "ask": {
     "en": "What does SegNet's decoder get from the encoder, besides the coarsest features?",
     "ro": "Ce primește decodorul lui SegNet de la codor, pe lângă trăsăturile cele mai rare?"
    },
    "answers": [
     {
      "en": "The positions of the maxima",
      "ro": "Pozițiile maximelor"
     },
     {
      "en": "The features of every level",
      "ro": "Trăsăturile fiecărui nivel"
     },
     {
      "en": "The image itself",
      "ro": "Chiar imaginea"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "Only where each maximum stood. What stood there and beside it must be guessed, and the guesses blur the outline. U-Net passes on the features.",
     "ro": "Doar locul fiecărui maxim. Ce era acolo și alături trebuie ghicit, iar ghicitul încețoșează conturul. U-Net dă mai departe trăsăturile."
    }
   },
   {
    "ask": {
     "en": "A third of the pixels are lesion. The network ends in a sigmoid, the loss is one of logits. Where can the loss fall to at best?",
     "ro": "O treime din pixeli sunt leziune. Rețeaua se încheie cu o sigmoidă, iar pierderea este una din logiți. Până unde poate coborî pierderea în cel mai bun caz?"
    },
    "answers": [
     {
      "en": "0",
      "ro": "0"
     },
     {
      "en": "about 0.31",
      "ro": "aproximativ 0,31"
     },
     {
      "en": "about 0.57",
      "ro": "aproximativ 0,57"
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "A perfect lesion pixel costs 0.313, a perfect skin pixel 0.693: one third of the first and two thirds of the second make 0.57. A loss that stops there is a sign.",
     "ro": "Un pixel perfect de leziune costă 0,313, unul perfect de piele 0,693: o treime din primul și două treimi din al doilea fac 0,57. O pierdere care se oprește acolo este un semn."
    }
   },
   {
    "ask": {
     "en": "The encoder computes each level twice. How would you notice? (Mark all that apply.)",
     "ro": "Codorul calculează fiecare nivel de două ori. După ce observați? (Bifați tot ce se potrivește.)"
    },
    "answers": [
     {
      "en": "Dice falls.",
      "ro": "Dice scade."
     },
     {
      "en": "A step takes longer.",
      "ro": "Un pas durează mai mult."
     },
     {
      "en": "BatchNorm's running means move twice per step.",
      "ro": "Mediile curente din BatchNorm se mișcă de două ori la fiecare pas."
     },
     {
      "en": "There is an error message.",
      "ro": "Apare un mesaj de eroare."
     }
    ],
    "right": [
     1,
     2
    ],
    "why": {
     "en": "The answers are the same numbers, so no score finds it and nothing crashes. The clock finds it, and so does who looks at the statistics of BatchNorm.",
     "ro": "Răspunsurile sunt aceleași numere, deci niciun scor nu observă și nimic nu se oprește. Observă ceasul și cine se uită la statisticile din BatchNorm."
    }
   },
   {
    "ask": {
     "en": "On 32 test images U-Net has a mean Dice of 0.930 and SegNet 0.925. What do you say?",
     "ro": "Pe 32 de imagini de test, U-Net are Dice mediu 0,930, iar SegNet 0,925. Ce spuneți?"
    },
    "answers": [
     {
      "en": "U-Net is better.",
      "ro": "U-Net este mai bun."
     },
     {
      "en": "I ask for the interval of the difference on the same images, and for other seeds.",
      "ro": "Cer intervalul diferenței pe aceleași imagini și alte semințe ale antrenării."
     },
     {
      "en": "Both are equally good.",
      "ro": "Amândouă sunt la fel de bune."
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "With so few images the mean itself is uncertain by more than that, and another seed moves it as well. Not having shown a difference is not having shown that there is none.",
     "ro": "Cu atât de puține imagini, media însăși este nesigură cu mai mult de atât, iar o altă sămânță o mută și ea. A nu fi arătat o diferență nu înseamnă a fi arătat că nu există."
    }
   },
   {
    "ask": {
     "en": "Why does the notebook hand its own split to segmentare?",
     "ro": "De ce îi dă caietul lui segmentare propria împărțire?"
    },
    "answers": [
     {
      "en": "It would otherwise refuse to train.",
      "ro": "Altfel ar refuza să se antreneze."
     },
     {
      "en": "It makes training faster.",
      "ro": "Antrenarea merge mai repede."
     },
     {
      "en": "So that all networks are tested on the same images, which none of them has seen.",
      "ro": "Ca toate rețelele să fie testate pe aceleași imagini, pe care niciuna nu le-a văzut."
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "With another split our test images could lie in its training part. Scores are compared on the same unseen images, or not at all.",
     "ro": "Cu altă împărțire, imaginile noastre de test ar putea ajunge în partea lui de antrenare. Scorurile se compară pe aceleași imagini nevăzute sau deloc."
    }
   }
  ]
 },
 "tensorflow-before": {
  "title": {
   "en": "Semantic segmentation with TensorFlow: before",
   "ro": "Segmentare semantică cu TensorFlow: înainte"
  },
  "of": "semantic-tensorflow.ipynb",
  "questions": [
   {
    "ask": {
     "en": "How does TensorFlow lay out 8 RGB images of height 144 and width 192?",
     "ro": "Cum așază TensorFlow 8 imagini RGB cu înălțimea 144 și lățimea 192?"
    },
    "answers": [
     {
      "en": "(8, 3, 144, 192)",
      "ro": "(8, 3, 144, 192)"
     },
     {
      "en": "(8, 144, 192, 3)",
      "ro": "(8, 144, 192, 3)"
     },
     {
      "en": "(8, 192, 144, 3)",
      "ro": "(8, 192, 144, 3)"
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "Channels last. PyTorch puts them first: (8, 3, 144, 192). In both, height comes before width, for arrays are indexed by row and column.",
     "ro": "Canalele la urmă. PyTorch le pune înainte: (8, 3, 144, 192). La amândouă înălțimea stă înaintea lățimii, fiindcă tablourile se indexează după rând și coloană."
    }
   },
   {
    "ask": {
     "en": "Images and masks must become smaller. How?",
     "ro": "Imaginile și măștile trebuie micșorate. Cum?"
    },
    "answers": [
     {
      "en": "Images by averaging, masks by the nearest label",
      "ro": "Imaginile prin mediere, măștile după eticheta cea mai apropiată"
     },
     {
      "en": "Both by averaging",
      "ro": "Amândouă prin mediere"
     },
     {
      "en": "Both by the nearest pixel",
      "ro": "Amândouă după pixelul cel mai apropiat"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "The mean of the names 0 and 2 would be 1, a category of which nobody spoke. Images by the nearest pixel would work, but flicker: what falls between is lost.",
     "ro": "Media numelor 0 și 2 ar fi 1, o categorie despre care nu a vorbit nimeni. Imaginile luate după pixelul cel mai apropiat ar merge, dar zgrunțuros: ce cade la mijloc se pierde."
    }
   },
   {
    "ask": {
     "en": "There are three categories, 0 to 2. What is category 2, one-hot?",
     "ro": "Sunt trei categorii, de la 0 la 2. Cum arată categoria 2 în one-hot?"
    },
    "answers": [
     {
      "en": "[0, 1, 0]",
      "ro": "[0, 1, 0]"
     },
     {
      "en": "[2, 2, 2]",
      "ro": "[2, 2, 2]"
     },
     {
      "en": "[0, 0, 1]",
      "ro": "[0, 0, 1]"
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "One place per category, counted from 0, and a 1 in the place of the true one.",
     "ro": "Câte un loc pentru fiecare categorie, numărate de la 0, și un 1 pe locul celei adevărate."
    }
   },
   {
    "ask": {
     "en": "What does from_logits=True say?",
     "ro": "Ce spune from_logits=True?"
    },
    "answers": [
     {
      "en": "The network ends in a sigmoid.",
      "ro": "Rețeaua se încheie cu o sigmoidă."
     },
     {
      "en": "The loss shall apply the sigmoid itself.",
      "ro": "Pierderea să aplice ea însăși sigmoida."
     },
     {
      "en": "The truth is given as logits.",
      "ro": "Adevărul este dat ca logiți."
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "The network then gives plain numbers, and the loss makes probabilities of them, in a way that is numerically safe.",
     "ro": "Atunci rețeaua dă numere oarecare, iar pierderea face din ele probabilități, într-un fel sigur din punct de vedere numeric."
    }
   }
  ]
 },
 "tensorflow-after": {
  "title": {
   "en": "Semantic segmentation with TensorFlow: after",
   "ro": "Segmentare semantică cu TensorFlow: după"
  },
  "of": "semantic-tensorflow.ipynb",
  "questions": [
   {
    "ask": {
     "en": "Why does Unpool multiply by one_hot(positions, 4)?",
     "ro": "De ce înmulțește Unpool cu one_hot(positions, 4)?"
    },
    "answers": [
     {
      "en": "To put each value where it stood, and zeros at the other three places",
      "ro": "Ca fiecare valoare să ajungă la locul ei, iar în celelalte trei locuri să fie zerouri"
     },
     {
      "en": "To repeat each value four times",
      "ro": "Ca fiecare valoare să se repete de patru ori"
     },
     {
      "en": "To make probabilities",
      "ro": "Ca să rezulte probabilități"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "A position is one of four. One-hot turns it into four numbers of which one is 1, and the product keeps the value there only.",
     "ro": "O poziție este una din patru. One-hot o preface în patru numere, dintre care unul este 1, iar produsul păstrează valoarea doar acolo."
    }
   },
   {
    "ask": {
     "en": "When does Keras repair a sigmoid followed by a loss of logits by itself?",
     "ro": "Când repară Keras singur o sigmoidă urmată de o pierdere din logiți?"
    },
    "answers": [
     {
      "en": "Always",
      "ro": "Întotdeauna"
     },
     {
      "en": "Never",
      "ro": "Niciodată"
     },
     {
      "en": "Only if the sigmoid is the very last operation",
      "ro": "Doar dacă sigmoida este chiar ultima operație"
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "A reshape, a cast or a crop between them hides the sigmoid, and nobody is told. The floor of the loss tells: it stops near 0.57 where a third is lesion.",
     "ro": "Un reshape, o conversie de tip sau o decupare între ele ascunde sigmoida și nimeni nu află. Pragul de jos al pierderii o trădează: se oprește pe la 0,57 unde o treime este leziune."
    }
   },
   {
    "ask": {
     "en": "block(x, 32) is called a second time on the same x. What happens?",
     "ro": "block(x, 32) este chemat a doua oară pe același x. Ce se întâmplă?"
    },
    "answers": [
     {
      "en": "The same result is computed again.",
      "ro": "Același rezultat se calculează din nou."
     },
     {
      "en": "A second level with weights of its own is made.",
      "ro": "Se face un al doilea nivel, cu ponderi proprii."
     },
     {
      "en": "Keras gives the first result back.",
      "ro": "Keras întoarce primul rezultat."
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "The function makes layers, so each call makes new ones. count_params() shows it. In PyTorch, where the layers exist before, the second call costs time only.",
     "ro": "Funcția face straturi, deci fiecare chemare face altele noi. Se vede în count_params(). În PyTorch, unde straturile există dinainte, a doua chemare costă doar timp."
    }
   },
   {
    "ask": {
     "en": "The network gives logits. Which pixels are mask, at a probability of one half?",
     "ro": "Rețeaua dă logiți. Care pixeli sunt mască, la probabilitatea de o jumătate?"
    },
    "answers": [
     {
      "en": "Those above 0",
      "ro": "Cei peste 0"
     },
     {
      "en": "Those above 0.5",
      "ro": "Cei peste 0,5"
     },
     {
      "en": "Those above 1",
      "ro": "Cei peste 1"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "sigmoid(0) = 0.5. Who takes 0.5 as the threshold of logits asks for a probability of 0.62, and loses a rim of the object.",
     "ro": "sigmoida(0) = 0,5. Cine ia 0,5 ca prag pentru logiți cere o probabilitate de 0,62 și pierde o margine din obiect."
    }
   }
  ]
 },
 "body-before": {
  "title": {
   "en": "Lab, body segmentation: before",
   "ro": "Laborator, segmentarea corpului: înainte"
  },
  "of": "body-lab.ipynb",
  "questions": [
   {
    "ask": {
     "en": "You want a person before another background. What do you need?",
     "ro": "Vreți o persoană în fața altui fundal. De ce aveți nevoie?"
    },
    "answers": [
     {
      "en": "A class: there is a person",
      "ro": "O clasă: se vede o persoană"
     },
     {
      "en": "A box",
      "ro": "Un dreptunghi"
     },
     {
      "en": "A mask",
      "ro": "O mască"
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "A box would carry a piece of the old background along.",
     "ro": "Un dreptunghi ar lua cu el o bucată din fundalul vechi."
    }
   },
   {
    "ask": {
     "en": "Frames of one video: how do you split them into training and test?",
     "ro": "Cadrele unui singur film: cum le împărțiți între antrenare și test?"
    },
    "answers": [
     {
      "en": "At random, frame by frame",
      "ro": "La întâmplare, cadru cu cadru"
     },
     {
      "en": "All frames of a video go to the same part",
      "ro": "Toate cadrele unui film merg în aceeași parte"
     },
     {
      "en": "Even numbers to training, odd ones to test",
      "ro": "Cele pare la antrenare, cele impare la test"
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "Neighboring frames show the same person, clothes and light. With one of them trained on, the other is hardly a test.",
     "ro": "Cadrele vecine arată aceeași persoană, aceleași haine și aceeași lumină. Dacă rețeaua a învățat unul, celălalt abia dacă mai este test."
    }
   },
   {
    "ask": {
     "en": "The mask is too large all around the person. Which score is low?",
     "ro": "Masca este prea mare de jur împrejurul persoanei. Care scor este mic?"
    },
    "answers": [
     {
      "en": "Precision",
      "ro": "Precizia"
     },
     {
      "en": "Recall",
      "ro": "Sensibilitatea"
     },
     {
      "en": "Neither",
      "ro": "Niciunul"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "All of the person is marked, so recall is 1. But part of what is marked is wall: precision suffers.",
     "ro": "Toată persoana este marcată, deci sensibilitatea este 1. Dar o parte din ce s-a marcat este perete: scade precizia."
    }
   }
  ]
 },
 "body-after": {
  "title": {
   "en": "Lab, body segmentation: after",
   "ro": "Laborator, segmentarea corpului: după"
  },
  "of": "body-lab.ipynb",
  "questions": [
   {
    "ask": {
     "en": "The threshold of the probability goes from 0.5 down to 0.1. What happens?",
     "ro": "Pragul probabilității coboară de la 0,5 la 0,1. Ce se întâmplă?"
    },
    "answers": [
     {
      "en": "Recall can only rise; precision usually falls.",
      "ro": "Sensibilitatea nu poate decât să crească; precizia de obicei scade."
     },
     {
      "en": "Precision rises, recall falls.",
      "ro": "Precizia crește, sensibilitatea scade."
     },
     {
      "en": "Nothing changes: it is the same network.",
      "ro": "Nu se schimbă nimic: rețeaua este aceeași."
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "The mask grows, so no pixel that was hit is lost. What is added is more and more often wall.",
     "ro": "Masca crește, deci niciun pixel nimerit nu se pierde. Ceea ce se adaugă este tot mai des perete."
    }
   },
   {
    "ask": {
     "en": "Where does the halo around a person who was cut out by the mask come from?",
     "ro": "De unde vine haloul din jurul unei persoane decupate după mască?"
    },
    "answers": [
     {
      "en": "From JPEG alone",
      "ro": "Doar de la JPEG"
     },
     {
      "en": "The network was trained too briefly.",
      "ro": "Rețeaua a fost antrenată prea puțin."
     },
     {
      "en": "Pixels at the border are mixtures that hold old background.",
      "ro": "Pixelii de la margine sunt amestecuri care conțin fundal vechi."
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "Even the perfect mask has a halo: a pixel of hair is half wall. That is why the old background must be taken out of the colors.",
     "ro": "Chiar și masca perfectă are halou: un pixel de păr este pe jumătate perete. De aceea fundalul vechi trebuie scos din culori."
    }
   },
   {
    "ask": {
     "en": "A pixel has alpha 0.25. What will be seen before the new background?",
     "ro": "Un pixel are alfa 0,25. Ce se va vedea în fața noului fundal?"
    },
    "answers": [
     {
      "en": "Nothing: it is below one half.",
      "ro": "Nimic: este sub o jumătate."
     },
     {
      "en": "A quarter person, three quarters new background",
      "ro": "Un sfert persoană, trei sferturi fundal nou"
     },
     {
      "en": "A quarter new background, three quarters person",
      "ro": "Un sfert fundal nou, trei sferturi persoană"
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "image = alpha · person + (1 - alpha) · background.",
     "ro": "imaginea = alfa · persoana + (1 - alfa) · fundalul."
    }
   },
   {
    "ask": {
     "en": "The mean Dice is 0.96. What do you look at before you give the model to others?",
     "ro": "Dice mediu este 0,96. La ce vă uitați înainte de a da modelul altora?"
    },
    "answers": [
     {
      "en": "At nothing: 0.96 is enough",
      "ro": "La nimic: 0,96 ajunge"
     },
     {
      "en": "At the worst images",
      "ro": "La cele mai slabe imagini"
     },
     {
      "en": "At the loss of training",
      "ro": "La pierderea din antrenare"
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "A mean hides that one photograph in fifty fails wholly. The worst ones show what was missing in the training.",
     "ro": "O medie ascunde că o fotografie din cincizeci iese cu totul greșit. Cele mai slabe arată ce a lipsit la antrenare."
    }
   }
  ]
 },
 "skeletons-before": {
  "title": {
   "en": "Skeletons and poses: before",
   "ro": "Schelete și posturi: înainte"
  },
  "of": "skeletons.ipynb",
  "questions": [
   {
    "ask": {
     "en": "A keypoint is written down as 0, 0 with visibility 0. What does it say?",
     "ro": "Un punct-cheie este notat 0, 0 cu vizibilitatea 0. Ce spune?"
    },
    "answers": [
     {
      "en": "It lies in the upper left corner.",
      "ro": "Se află în colțul din stânga sus."
     },
     {
      "en": "Nobody marked it; x and y mean nothing.",
      "ro": "Nu l-a marcat nimeni; x și y nu spun nimic."
     },
     {
      "en": "It is hidden by something.",
      "ro": "Îl ascunde ceva."
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "Hidden but marked is visibility 1. Whoever trains on the zeros teaches the network that wrists like corners.",
     "ro": "Ascuns, dar marcat, înseamnă vizibilitatea 1. Cine antrenează pe acele zerouri învață rețeaua că încheieturile stau prin colțuri."
    }
   },
   {
    "ask": {
     "en": "An image is mirrored for training. What must happen to its left wrist?",
     "ro": "O imagine este oglindită pentru antrenare. Ce trebuie să se întâmple cu încheietura stângă?"
    },
    "answers": [
     {
      "en": "Only its x changes.",
      "ro": "I se schimbă doar x."
     },
     {
      "en": "Nothing",
      "ro": "Nimic"
     },
     {
      "en": "Its x changes, and it becomes a right wrist.",
      "ro": "I se schimbă x și devine încheietură dreaptă."
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "Left and right are the person's own. In the mirror the left hand is where a right hand would be.",
     "ro": "Stânga și dreapta sunt ale persoanei. În oglindă, mâna stângă stă unde ar sta o mână dreaptă."
    }
   },
   {
    "ask": {
     "en": "Why are heatmaps learned with a squared error, though masks are not?",
     "ro": "De ce se învață hărțile de căldură cu eroarea pătratică, iar măștile nu?"
    },
    "answers": [
     {
      "en": "Heights of a heatmap are quantities; a mask is a yes or no.",
      "ro": "Înălțimile unei hărți de căldură sunt cantități; o mască este un da sau un nu."
     },
     {
      "en": "Heatmaps are smaller.",
      "ro": "Hărțile de căldură sunt mai mici."
     },
     {
      "en": "Cross-entropy cannot be computed of images.",
      "ro": "Entropia încrucișată nu se poate calcula pe imagini."
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "And no sigmoid stands before the squared error, so its slope does not vanish where the network is surely wrong.",
     "ro": "Iar înaintea erorii pătratice nu stă nicio sigmoidă, așa că panta ei nu se stinge unde rețeaua este sigură și greșește."
    }
   }
  ]
 },
 "skeletons-after": {
  "title": {
   "en": "Skeletons and poses: after",
   "ro": "Schelete și posturi: după"
  },
  "of": "skeletons.ipynb",
  "questions": [
   {
    "ask": {
     "en": "Maps that were made from the truth itself are decoded, and the OKS AP is below 1. Why?",
     "ro": "Se decodează hărți făcute chiar din adevăr, iar OKS AP este sub 1. De ce?"
    },
    "answers": [
     {
      "en": "The network is not trained well enough.",
      "ro": "Rețeaua nu este destul de antrenată."
     },
     {
      "en": "The code itself loses something: centers that fall together, cells that are coarse.",
      "ro": "Codul însuși pierde ceva: centre care cad unul peste altul, celule prea mari."
     },
     {
      "en": "OKS never reaches 1.",
      "ro": "OKS nu ajunge niciodată la 1."
     }
    ],
    "right": [
     1
    ],
    "why": {
     "en": "No network took part. What the code loses no training brings back, so measure it first.",
     "ro": "Nu a luat parte nicio rețea. Ce pierde codul nu aduce înapoi niciun antrenament, deci măsurați întâi asta."
    }
   },
   {
    "ask": {
     "en": "How does --code fields know which wrist belongs to which elbow?",
     "ro": "De unde știe --code fields care încheietură ține de care cot?"
    },
    "answers": [
     {
      "en": "Vectors point from the middle of the person.",
      "ro": "Niște vectori pornesc din mijlocul persoanei."
     },
     {
      "en": "It takes the nearest.",
      "ro": "O ia pe cea mai apropiată."
     },
     {
      "en": "Arrows of the field run from one to the other.",
      "ro": "Săgețile câmpului aleargă de la unul la celălalt."
     }
    ],
    "right": [
     2
    ],
    "why": {
     "en": "The vectors from the middle are --code center. The nearest wrist would often be the neighbor's.",
     "ro": "Vectorii din mijloc sunt --code center. Încheietura cea mai apropiată ar fi adesea a vecinului."
    }
   },
   {
    "ask": {
     "en": "A keypoint is 10 pixels off. When does that cost most of OKS?",
     "ro": "Un punct-cheie este greșit cu 10 pixeli. Când scade OKS cel mai mult?"
    },
    "answers": [
     {
      "en": "An eye of a small person",
      "ro": "Un ochi al unei persoane mici"
     },
     {
      "en": "An eye of a large person",
      "ro": "Un ochi al unei persoane mari"
     },
     {
      "en": "A hip of a large person",
      "ro": "Un șold al unei persoane mari"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "The distance is divided by the size of the person and by σ, which is small for eyes: people mark them within a pixel or two.",
     "ro": "Distanța se împarte la mărimea persoanei și la σ, care este mic la ochi: oamenii îi marchează cu precizie de un pixel-doi."
    }
   },
   {
    "ask": {
     "en": "In OpenPose's JSON a keypoint reads 0, 0, 0. It was",
     "ro": "În JSON-ul lui OpenPose un punct-cheie este 0, 0, 0. El"
    },
    "answers": [
     {
      "en": "not found",
      "ro": "nu a fost găsit"
     },
     {
      "en": "found in the corner",
      "ro": "a fost găsit în colț"
     },
     {
      "en": "found with certainty",
      "ro": "a fost găsit cu siguranță"
     }
    ],
    "right": [
     0
    ],
    "why": {
     "en": "The third number is the score. A program that draws zeros draws lines into the corner.",
     "ro": "Al treilea număr este scorul. Un program care desenează zerourile trage linii spre colț."
    }
   }
  ]
 }
};
