"""The guide's FastAPI server, as its reader would write it: `uvicorn fastapi_app:app`."""

# A return type would make FastAPI validate the answer, which the guide's code does not.

import os

import joblib
import spacy
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()

model = joblib.load(os.environ["SENTIMENT_MODEL"])
vectorizer = joblib.load(os.environ["VECTORIZER"])
nlp = spacy.load(os.environ.get("SPACY_MODEL", "en_core_web_sm"))


class TextRequest(BaseModel):
    text: str


@app.post("/predict")
async def predict(request: TextRequest):
    features = vectorizer.transform([request.text])
    prediction = model.predict(features)[0]
    return {"sentiment": str(prediction)}


@app.post("/ner")
async def ner(request: TextRequest):
    doc = nlp(request.text)
    entities = [
        {"text": ent.text, "label": ent.label_, "start": ent.start_char, "end": ent.end_char}
        for ent in doc.ents
    ]
    return {"entities": entities}
