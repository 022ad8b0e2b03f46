package strictjson

// Fast decodes a text in plain form. It returns false for other texts.
func (d *Decoder[T]) Fast(data []byte, v *T) bool { return d.fast(data, v) }

// Fast appends the text of *v. It returns false if json.Marshal must encode it.
func (e *Encoder[T]) Fast(b []byte, v *T) ([]byte, bool) { return e.fast(b, v) }
