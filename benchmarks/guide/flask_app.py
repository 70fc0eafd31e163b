"""The guide's Flask server, as its reader would write it: `gunicorn flask_app:app`."""

# As the guide writes it: without return types.

import os

import joblib
import spacy
from flask import Flask, jsonify, request

app = Flask(__name__)

model = joblib.load(os.environ["SENTIMENT_MODEL"])
vectorizer = joblib.load(os.environ["VECTORIZER"])
nlp = spacy.load(os.environ.get("SPACY_MODEL", "en_core_web_sm"))


@app.route("/predict", methods=["POST"])
def predict():
    data = request.get_json()
    features = vectorizer.transform([data["text"]])
    prediction = model.predict(features)[0]
    return jsonify({"sentiment": str(prediction)})


@app.route("/ner", methods=["POST"])
def ner():
    data = request.get_json()
    doc = nlp(data["text"])
    entities = [
        {"text": ent.text, "label": ent.label_, "start": ent.start_char, "end": ent.end_char}
        for ent in doc.ents
    ]
    return jsonify({"entities": entities})
