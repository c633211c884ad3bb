# Objects that know each other: words of a text, the lines that they stand in, and which words come after them.
Word = Struct.new(:text, :lines, :followers)
words = {}
ARGF.each_line.with_index do |line, number|
  break if number == 150_000
  previous = nil
  line.split.each do |text|
    text = text[0, 5]
    word = words[text] ||= Word.new(text, [], Hash.new(0))
    word.lines << number
    previous.followers[text] += 1 if previous
    previous = word
  end
end
puts words.size, words.values.sort_by { |word| [-word.lines.size, word.text] }.first(10).map { |word| "#{word.text} #{word.followers.size}" }
